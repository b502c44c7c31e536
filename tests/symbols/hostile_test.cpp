// Symbols over files that are damaged or mean harm: whatever comes out, it comes soon, and takes no more memory than it may.
#include <elf.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <cstring>
#include <new>

#include "tests/catch.h"
#include "tests/symbols/binutils.h"
#include "tests/symbols/fixtures.h"

namespace holdwatch {
namespace {

// Knuth's MMIX generator: the same files at every run.
class Random {
 public:
  size_t below(size_t limit) {
    state_ = state_ * 6364136223846793005u + 1442695040888963407u;
    return static_cast<size_t>(state_ >> 33) % limit;
  }

 private:
  uint64_t state_ = 1;
};

// The bytes of an ELF file, with its section headers at hand.
struct ElfBytes {
  std::string bytes;

  explicit ElfBytes(const std::string& path) : bytes(contents_of(path)) {}

  template <typename T>
  T* at(size_t offset) {
    return reinterpret_cast<T*>(bytes.data() + offset);
  }
  std::vector<Elf64_Shdr*> sections() {
    const auto* header = at<Elf64_Ehdr>(0);
    std::vector<Elf64_Shdr*> found;
    for (size_t i = 1; i < header->e_shnum; ++i)
      found.push_back(at<Elf64_Shdr>(header->e_shoff + i * sizeof(Elf64_Shdr)));
    return found;
  }
  std::string name_of(const Elf64_Shdr& section) {
    const auto* header = at<Elf64_Ehdr>(0);
    const auto* names = at<Elf64_Shdr>(header->e_shoff + header->e_shstrndx * sizeof(Elf64_Shdr));
    return at<char>(names->sh_offset + section.sh_name);
  }
  Elf64_Shdr& section(const std::string& name) {
    for (Elf64_Shdr* one : sections())
      if (name_of(*one) == name) return *one;
    FAIL("no section " << name);
    return *at<Elf64_Shdr>(0);
  }
};

// Resolves a few addresses of the file: in less time than a report has, and well below a GiB.
void survive(const std::string& path, const std::vector<uintptr_t>& addresses, const DebugSearch& search = kNowhere) {
  if (ElfImage::open(path) == nullptr) return;
  const Module module = module_of(path);
  const auto start = std::chrono::steady_clock::now();
  Symbols symbols(Symbolize::full, search);
  for (uintptr_t address : addresses) {
    const std::vector<Frame> frames = symbols.resolve(address, true, &module);
    CHECK(frames.size() >= 1);
    CHECK(frames.size() <= 65);
  }
  CHECK(std::chrono::steady_clock::now() - start < 2 * search.timeout);
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  CHECK(usage.ru_maxrss < 1 << 20);  // KiB
}

void write_file(const std::string& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}

int rounds_or(int usual) {
  const char* rounds = std::getenv("DAMAGE_ROUNDS");  // more by hand, under a sanitizer
  return rounds != nullptr ? std::atoi(rounds) : usual;
}

TEST_CASE("a truncated file does no harm") {
  const std::string whole = contents_of(fixture("pie/room"));
  const auto addresses = addresses_in_text(fixture("pie/room"), 300);
  Scratch scratch;
  const std::string path = scratch.path / "room";
  for (size_t size = 0; size < whole.size(); size += whole.size() / 200 + 1) {
    write_file(path, whole.substr(0, size));
    survive(path, addresses);
  }
}

TEST_CASE("damaged bytes do no harm") {
  const std::string whole = contents_of(fixture("pie/room"));
  const auto addresses = addresses_in_text(fixture("pie/room"), 300);
  Scratch scratch;
  const std::string path = scratch.path / "room";
  Random random;
  for (int round = rounds_or(200); round > 0; --round) {
    std::string damaged = whole;
    // Some damage everywhere, or a short piece of one section spoilt.
    const size_t window = round % 2 == 0 ? whole.size() : 2048;
    const size_t start = random.below(whole.size() - window + 1);
    for (int i = 0; i < 20; ++i) damaged[start + random.below(window)] = static_cast<char>(random.below(256));
    write_file(path, damaged);
    survive(path, addresses);
  }
}

TEST_CASE("damage in any one section of debug data, symbols or relocations does no harm") {
  const auto addresses = addresses_in_text(fixture("pie/room"), 300);
  Scratch scratch;
  const std::string path = scratch.path / "room";
  Random random;
  for (const char* variant : {"pie", "dwarf4", "compressed", "old_compressed", "sections", "clang"}) {
    if (!have(variant)) continue;
    ElfBytes file(fixture(variant) + "/room");
    const std::string whole = file.bytes;
    for (Elf64_Shdr* section : file.sections()) {
      const bool is_code_or_data = (section->sh_flags & SHF_WRITE) != 0 || (section->sh_flags & SHF_EXECINSTR) != 0;
      if (section->sh_type == SHT_NOBITS || section->sh_size == 0 || is_code_or_data) continue;
      const Elf64_Shdr at = *section;
      for (int round = rounds_or(4); round > 0; --round) {
        std::string damaged = whole;
        for (int i = 0; i < 8; ++i) {
          damaged[at.sh_offset + random.below(at.sh_size)] = static_cast<char>(random.below(256));
        }
        write_file(path, damaged);
        survive(path, addresses);
      }
    }
  }
}

TEST_CASE("damage in a separate debug file does no harm") {
  const auto addresses = addresses_in_text(fixture("pie/room"), 300);
  const std::string id = module_of(fixture("by_id/room")).build_id;
  const std::string name = "/.build-id/" + id.substr(0, 2) + "/" + id.substr(2) + ".debug";
  const std::string whole = contents_of(fixture("debug_root") + name);
  Scratch scratch;
  std::filesystem::create_directories((scratch.path.string() + name).substr(0, scratch.path.string().size() + 14));
  Random random;
  for (int round = rounds_or(100); round > 0; --round) {
    std::string damaged = whole;
    if (round % 4 == 0) damaged.resize(random.below(whole.size()));
    for (int i = 0; i < 20 && !damaged.empty(); ++i)
      damaged[random.below(damaged.size())] = static_cast<char>(random.below(256));
    write_file(scratch.path.string() + name, damaged);
    survive(fixture("by_id/room"), addresses, search_in(scratch.path));
  }
}

// The function is still known by its symbol, the line is not.
void check_symbols_remain(const std::string& path) {
  const Module module = module_of(path);
  const uintptr_t address = address_of_function(fixture("pie/room"), "chat::Room::broadcast(");
  Symbols symbols(Symbolize::full, kNowhere);
  const std::vector<Frame> frames = symbols.resolve(address, true, &module);
  REQUIRE(frames.size() == 1);
  CHECK(frames[0].function == "chat::Room::broadcast(std::string const&)");
  CHECK(frames[0].line == 0);
}

TEST_CASE("compressed sections that claim to be larger than any memory are not inflated") {
  Scratch scratch;
  const std::string path = scratch.path / "room";
  ElfBytes file(fixture("compressed/room"));
  auto& info = *file.at<Elf64_Chdr>(file.section(".debug_info").sh_offset);
  auto& strings = *file.at<Elf64_Chdr>(file.section(".debug_str").sh_offset);
  SECTION("one of a terabyte") {
    info.ch_size = uint64_t{1} << 40;
  }
  SECTION("two whose sum is nothing") {
    info.ch_size = uint64_t{1} << 63;
    strings.ch_size = uint64_t{1} << 63;
  }
  write_file(path, file.bytes);
  check_symbols_remain(path);
  survive(path, {});
}

TEST_CASE("an old compressed section that claims to be larger than any memory is not inflated") {
  Scratch scratch;
  const std::string path = scratch.path / "room";
  ElfBytes file(fixture("old_compressed/room"));
  const size_t start = file.section(".zdebug_info").sh_offset;
  REQUIRE(file.bytes.substr(start, 4) == "ZLIB");
  file.bytes[start + 6] = '\x10';  // of eight bytes in big-endian order
  write_file(path, file.bytes);
  check_symbols_remain(path);
}

TEST_CASE("debug data whose abbreviations make no sense is not read") {
  Scratch scratch;
  const std::string path = scratch.path / "room";
  ElfBytes file(fixture("pie/room"));
  const Elf64_Shdr abbreviations = file.section(".debug_abbrev");
  std::memset(file.at<char>(abbreviations.sh_offset), 0xff, abbreviations.sh_size);
  write_file(path, file.bytes);
  check_symbols_remain(path);
}

TEST_CASE("a symbol table that is mostly a hole in the file is not read") {
  Scratch scratch;
  const std::string path = scratch.path / "room";
  ElfBytes file(fixture("pie/room"));
  Elf64_Shdr& symbols = file.section(".symtab");
  symbols.sh_size = (uint64_t{4} << 30) / sizeof(Elf64_Sym) * sizeof(Elf64_Sym);
  write_file(path, file.bytes);
  REQUIRE(truncate(path.c_str(), off_t{5} << 30) == 0);
  survive(path, addresses_in_text(fixture("pie/room"), 3000));
}

TEST_CASE("a fifo in the place of split debug data is not opened") {
  const std::string path = fixture("lost_split/room");
  const std::string split = fixture("lost_split/room.dwo");
  REQUIRE(contents_of(path).find("room.dwo") != std::string::npos);
  REQUIRE((mkfifo(split.c_str(), 0600) == 0 || errno == EEXIST));
  survive(path, {address_of_function(path, "chat::Room::broadcast(")});
  CHECK(unlink(split.c_str()) == 0);
}

// Before it is no longer allowed to: what a thread has for its stack, it has from the start.
[[gnu::noinline]] void grow_stack() {
  volatile char stack[256 << 10];
  for (size_t i = 0; i < sizeof stack; i += 4096) stack[i] = 1;
}

// Runs in a child with so much address space left: libdw's own way is to end the program.
int resolve_in_little_memory(const Module& module, const std::vector<uintptr_t>& addresses, size_t left) {
  const pid_t child = fork();
  if (child == 0) {
    grow_stack();
    size_t pages = 0;
    std::ifstream("/proc/self/statm") >> pages;
    const rlimit limit = {pages * 4096 + left, pages * 4096 + left};
    setrlimit(RLIMIT_AS, &limit);
    try {
      Symbols symbols(Symbolize::full, kNowhere);
      for (uintptr_t address : addresses) symbols.resolve(address, true, &module);
    } catch (const std::bad_alloc&) {
      // The caller's concern: Symbols itself had no memory for an answer.
    }
    _exit(42);
  }
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

TEST_CASE("where memory runs out, names are missing and the program goes on") {
  const auto addresses = addresses_in_text(fixture("pie/room"), 300);
  const Module module = module_of(fixture("pie/room"));
  for (size_t left = 0; left < size_t{8} << 20; left += size_t{64} << 10) {
    INFO(left << " bytes left");
    CHECK(resolve_in_little_memory(module, addresses, left) == 42);
  }
}

TEST_CASE("when a report's time is over, what remains of it is given without names") {
  DebugSearch search = kNowhere;
  search.timeout = std::chrono::milliseconds(0);
  const Module module = module_of(fixture("pie/room"));
  const uintptr_t address = address_of_function(module.path, "chat::Room::broadcast(");
  const std::vector<Frame> frames = Symbols(Symbolize::full, search).resolve(address, true, &module);
  REQUIRE(frames.size() == 1);
  CHECK(frames[0].function.empty());
  CHECK(frames[0].module == module.path);
  CHECK(frames[0].offset == address);
  CHECK(frames[0].build_id == module.build_id);
}

}  // namespace
}  // namespace holdwatch
