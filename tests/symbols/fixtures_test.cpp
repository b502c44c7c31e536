// Symbols over files of every make that it has to cope with: the variants that make_fixtures.sh builds in FIXTURES.
// What a name or a line must be is not written here but asked of binutils (addr2line, nm), for hundreds of addresses.
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "symbolizer/symbols/debug_file.h"
#include "symbolizer/symbols/demangle.h"
#include "symbolizer/symbols/symbols.h"
#include "symbolizer/unwind/process_memory.h"
#include "tests/catch.h"
#include "tests/symbols/binutils.h"
#include "tests/symbols/fixtures.h"

namespace holdwatch {
namespace {

// addr2line leaves out enclosing scopes and parameters where a function has no linkage name, and takes the name of a function's cold
// part, which gcc lays elsewhere, from the symbol: "main.cold", "f() [clone .cold]".
bool same_function(const std::string& ours, const std::string& theirs) {
  const size_t end =
      std::min(theirs.find(" [clone"), theirs.ends_with(".cold") ? theirs.rfind('.') : std::string::npos);
  if (ours == readable(theirs.substr(0, end))) return true;
  const std::string within_scopes = "::" + ours + "(";
  return within_scopes.find("::" + theirs + "(") != std::string::npos;
}

void compare_with_addr2line(const std::string& path, uintptr_t step) {
  const Module module = module_of(path);
  Symbols symbols(Symbolize::full, kNowhere);
  size_t compared = 0;
  size_t inlined = 0;
  for (const auto& [address, expected] : addr2line(path, addresses_in_text(path, step))) {
    const std::vector<Frame> frames = symbols.resolve(address, true, &module);
    // Between functions addr2line names the one before.
    if (frames.back().function.empty() || expected.back().line == 0) continue;
    INFO(path << " at 0x" << std::hex << address << "\n" << text_of(frames));
    REQUIRE(frames.size() == expected.size());
    for (size_t i = 0; i < frames.size(); ++i) {
      INFO("addr2line: " << expected[i].function << " " << expected[i].file << ":" << expected[i].line);
      // For an inlined function without a linkage name binutils 2.40 gives the symbol that surrounds it.
      const bool surrounding = frames[i].inlined && expected[i].function == expected.back().function;
      CHECK((surrounding || same_function(frames[i].function, expected[i].function)));
      CHECK(frames[i].file == expected[i].file);
      CHECK(frames[i].line == expected[i].line);
      CHECK(frames[i].inlined == (i + 1 < frames.size()));
    }
    ++compared;
    if (frames.size() > 1) ++inlined;
  }
  CHECK(compared >= 200);
  CHECK(inlined >= 50);
}

TEST_CASE("functions, inlined calls, files and lines are those that addr2line gives") {
  for (const char* variant : {"pie", "no_pie", "dwarf4", "compressed", "sections"}) {
    compare_with_addr2line(fixture(variant) + "/room", 3);
  }
}

// Two files that hold the same code, with their debug data in different places.
void check_same_frames(const std::string& path, const DebugSearch& search, const std::string& full_path) {
  const Module module = module_of(path);
  const Module full_module = module_of(full_path);
  Symbols symbols(Symbolize::full, search);
  Symbols full(Symbolize::full, kNowhere);
  size_t named = 0;
  for (uintptr_t address : addresses_in_text(full_path, 5)) {
    const auto expected = full.resolve(address, true, &full_module);
    INFO(path << " at 0x" << std::hex << address);
    CHECK(text_of(symbols.resolve(address, true, &module)) == text_of(expected));
    if (expected.back().line != 0) ++named;
  }
  CHECK(named >= 200);
}

TEST_CASE("separate debug data is found by build id") {
  check_same_frames(fixture("by_id/room"), search_in(fixture("debug_root")), fixture("pie/room"));
}

TEST_CASE("separate debug data is found by its link: beside, in .debug and below the debug root") {
  for (const char* place : {"link_beside", "link_dot_debug", "link_global"}) {
    const std::string directory = fixture(place);
    check_same_frames(directory + "/room", search_in(fixture("link_root")), directory + "/full");
  }
}

TEST_CASE("what dwz moved to a shared file is found") {
  if (have("shared/one")) check_same_frames(fixture("shared/one"), kNowhere, fixture("pie/room"));
}

TEST_CASE("split DWARF is found beside, and without it names and lines remain") {
  check_same_frames(fixture("split/room"), kNowhere, fixture("pie/room"));
  const Module module = module_of(fixture("lost_split/room"));
  Symbols symbols(Symbolize::full, kNowhere);
  const uintptr_t broadcast = address_of_function(module.path, "chat::Room::broadcast(");
  const auto frames = symbols.resolve(broadcast, true, &module);
  REQUIRE(frames.size() == 1);
  CHECK(frames[0].function == "chat::Room::broadcast(std::string const&)");
  CHECK(frames[0].line > 0);
}

TEST_CASE("clang's debug data, which has no .debug_aranges, gives functions and inlined calls") {
  for (const char* variant : {"clang/room", "clang_lld/room"}) {
    if (!have(variant)) continue;
    const Module module = module_of(fixture(variant));
    Symbols symbols(Symbolize::full, kNowhere);
    const uintptr_t send = address_of_function(module.path, "chat::Session::send(");
    CHECK(function_at(symbols, send, module) == "chat::Session::send(std::string const&)");
    bool inlined = false;
    for (uintptr_t address = send; address < send + 100; ++address) {
      const auto frames = symbols.resolve(address, true, &module);
      if (frames.back().function != "chat::Session::send(std::string const&)") break;
      inlined = inlined || frames.front().inlined;
    }
    CHECK(inlined);
  }
}

TEST_CASE("a function inlined everywhere is named within its namespace, and its call's line is the caller's") {
  const Module module = module_of(fixture("pie/room"));
  Symbols symbols(Symbolize::full, kNowhere);
  const uintptr_t send = address_of_function(module.path, "chat::Session::send(");
  std::string seen;
  for (uintptr_t address = send; address < send + 100; ++address)
    seen += text_of(symbols.resolve(address, true, &module));
  CHECK(seen.find("inlined (anonymous namespace)::weigh_twice") != std::string::npos);
  CHECK(seen.find("inlined (anonymous namespace)::Quiet::operator()") != std::string::npos);
}

TEST_CASE("an inlined lambda is named within its function") {
  const Module module = module_of(fixture("pie/room"));
  Symbols symbols(Symbolize::full, kNowhere);
  const uintptr_t each = address_of_function(module.path, "int chat::Room::each<");
  std::string seen;
  for (uintptr_t address = each; address < each + 100; ++address)
    seen += text_of(symbols.resolve(address, true, &module));
  CHECK(seen.find("inlined chat::Room::broadcast(std::string const&)::{lambda}::operator()") != std::string::npos);
}

TEST_CASE("the source line is quoted, unless the source is newer than the program") {
  const Module module = module_of(fixture("unoptimised/room"));
  const uintptr_t address = address_of_function(module.path, "chat::Room::broadcast(");
  const Frame frame = Symbols(Symbolize::full, kNowhere).resolve(address, true, &module).back();
  CHECK(frame.source == "[[gnu::noinline]] void Room::broadcast(const std::string& text) {");

  Scratch scratch;
  const std::string old = scratch.path / "room";
  std::filesystem::copy_file(module.path, old);
  const timespec long_ago[2] = {{1000, 0}, {1000, 0}};
  REQUIRE(utimensat(AT_FDCWD, old.c_str(), long_ago, 0) == 0);
  const Module old_module = module_of(old);
  const Frame unquoted = Symbols(Symbolize::full, kNowhere).resolve(address, true, &old_module).back();
  CHECK(unquoted.line == frame.line);
  CHECK(unquoted.source.empty());
}

TEST_CASE("a debug link whose file was changed since is not followed") {
  const Module module = module_of(fixture("link_wrong/room"));
  const uintptr_t address = address_of_function(fixture("link_beside/full"), "chat::Room::broadcast(");
  Symbols symbols(Symbolize::full, kNowhere);
  const auto frames = symbols.resolve(address, true, &module);
  REQUIRE(frames.size() == 1);
  CHECK(frames[0].function.empty());
  CHECK(frames[0].line == 0);
}

TEST_CASE("a file in the place of a build id's debug data that has another build id is not read") {
  const Module module = module_of(fixture("wrong_id/room"));
  Symbols symbols(Symbolize::full, search_in(fixture("wrong_root")));
  for (uintptr_t address : addresses_in_text(fixture("pie/room"), 7)) {
    const auto frames = symbols.resolve(address, true, &module);
    CHECK(frames.back().line == 0);
    CHECK(frames.back().function.find("chat::") == std::string::npos);
  }
}

TEST_CASE("a dwz file of the right name with another build id is not read; symbols remain") {
  if (!have("shared_lost/one")) return;
  const Module module = module_of(fixture("shared_lost/one"));
  Symbols symbols(Symbolize::full, kNowhere);
  const uintptr_t address = address_of_function(fixture("pie/room"), "chat::Room::broadcast(");
  CHECK(function_at(symbols, address, module) == "chat::Room::broadcast(std::string const&)");
}

// The symbols of the whole file say which addresses a stripped copy may name, and how.
void check_only_covered_are_named(const std::string& path, const std::string& full_path) {
  const Module module = module_of(path);
  Symbols symbols(Symbolize::full, kNowhere);
  const auto exported = sized_symbols(path, true);
  size_t unnamed = 0;
  for (uintptr_t address : addresses_in_text(full_path, 1)) {
    const std::string name = function_at(symbols, address, module);
    bool covered = name.empty() || name.ends_with("@plt");
    for (const SizedSymbol& symbol : exported) {
      covered = covered || (address - symbol.address < symbol.size && demangle(symbol.name) == name);
    }
    INFO(path << " at 0x" << std::hex << address << ": " << name);
    CHECK(covered);
    if (name.empty()) ++unnamed;
  }
  CHECK(unnamed > 0);
}

TEST_CASE("in stripped files no address is named but those inside an exported function") {
  check_only_covered_are_named(fixture("bare/room"), fixture("pie/room"));
  check_only_covered_are_named(fixture("libplain_stripped.so"), fixture("libplain.so"));
}

TEST_CASE("exported functions of a stripped library are named, hidden ones are not") {
  const std::string full = fixture("libplain.so");
  const Module module = module_of(fixture("libplain_stripped.so"));
  Symbols symbols(Symbolize::full, kNowhere);
  CHECK(function_at(symbols, address_of_function(full, "exported_first"), module) == "exported_first");
  CHECK(function_at(symbols, address_of_function(full, "exported_last"), module) == "exported_last");
  CHECK(function_at(symbols, address_of_function(full, "exported_asm"), module) == "exported_asm");
  CHECK(function_at(symbols, address_of_function(full, "hidden_static"), module).empty());
  CHECK(function_at(symbols, address_of_function(full, "hidden_global"), module).empty());
}

TEST_CASE("a sizeless symbol counts up to the next symbol, but only where no symbol was stripped") {
  const std::string full = fixture("libplain.so");
  const uintptr_t sizeless = address_of_function(full, "sizeless_asm");
  const uintptr_t sized = address_of_function(full, "sized_asm");
  const Module module = module_of(full);
  Symbols symbols(Symbolize::full, kNowhere);
  CHECK(function_at(symbols, sized + 3, module) == "sized_asm");
  CHECK(function_at(symbols, sizeless, module) == "sizeless_asm");
  CHECK(function_at(symbols, sizeless + 3, module) == "sizeless_asm");
  CHECK(function_at(symbols, sizeless + 4, module) == "exported_asm");
  for (const char* name : {"libplain_stripped.so", "libplain_thinned.so"}) {
    const Module poorer = module_of(fixture(name));
    CHECK(function_at(symbols, sizeless, poorer).empty());
    CHECK(function_at(symbols, sizeless + 3, poorer).empty());
  }
}

TEST_CASE("the compressed symbols that Fedora leaves in stripped files are used") {
  const std::string full = fixture("pie/room");
  const Module module = module_of(fixture("mini/room"));
  Symbols symbols(Symbolize::full, kNowhere);
  const uintptr_t broadcast = address_of_function(full, "chat::Room::broadcast(");
  CHECK(function_at(symbols, broadcast, module) == "chat::Room::broadcast(std::string const&)");
  const uintptr_t spin = address_of_function(full, "spin(int)");
  CHECK(function_at(symbols, spin, module) == "spin(int)");
}

TEST_CASE("a PLT stub bears the name of the function it leads to") {
  const Module module = module_of(fixture("bare/room"));
  Symbols symbols(Symbolize::full, kNowhere);
  std::string seen;
  for (uintptr_t address : addresses_in_section(fixture("bare/room"), ".plt", 8)) {
    seen += function_at(symbols, address, module) + "\n";
  }
  CHECK(seen.find("printf@plt\n") != std::string::npos);
}

TEST_CASE("a file that was replaced by another build gives nothing but module, offset and build id") {
  Scratch scratch;
  const std::string path = scratch.path / "room";
  std::filesystem::copy_file(fixture("pie/room"), path);
  const Module module = module_of(path);
  const uintptr_t address = address_of_function(path, "chat::Room::broadcast(");
  CHECK(function_at(*std::make_unique<Symbols>(Symbolize::full, kNowhere), address, module) ==
        "chat::Room::broadcast(std::string const&)");

  std::filesystem::copy_file(fixture("unoptimised/room"), path, std::filesystem::copy_options::overwrite_existing);
  Symbols symbols(Symbolize::full, kNowhere);
  const auto frames = symbols.resolve(address, true, &module);
  REQUIRE(frames.size() == 1);
  CHECK(frames[0].function.empty());
  CHECK(frames[0].line == 0);
  CHECK(frames[0].module == path);
  CHECK(frames[0].offset == address);
  CHECK(frames[0].build_id == module.build_id);

  std::filesystem::remove(path);
  Symbols without_file(Symbolize::full, kNowhere);
  CHECK(function_at(without_file, address, module).empty());
}

// The links of /proc/self/map_files, which lead to deleted files too, are followed for few: it takes a capability that root in a
// container lacks.
bool mapped_files_can_be_read() {
  std::error_code none;
  for (const auto& link : std::filesystem::directory_iterator("/proc/self/map_files", none))
    return std::ifstream(link.path()).is_open();
  return false;
}

TEST_CASE("a library deleted while it is loaded is named where /proc lets us read it, else not at all") {
  Scratch scratch;
  const std::string path = scratch.path / "libplain.so";
  std::filesystem::copy_file(fixture("libplain.so"), path);
  void* library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  REQUIRE(library != nullptr);
  std::filesystem::remove(path);
  ProcessMemory memory(getpid());
  Modules modules(getpid(), memory);
  REQUIRE(modules.refresh());
  const auto function = reinterpret_cast<uintptr_t>(dlsym(library, "exported_first"));
  const Module* module = modules.find(function);
  REQUIRE(module != nullptr);
  CHECK(module->deleted);
  const std::string name = Symbols(Symbolize::full).resolve(function, true, module).back().function;
  CHECK((name == "exported_first" || (name.empty() && !mapped_files_can_be_read())));
  dlclose(library);
}

TEST_CASE("without a build id the file must be the mapped one by inode and device") {
  Module module = module_of(fixture("link_beside/room"));
  REQUIRE(module.build_id.empty());
  const uintptr_t address = address_of_function(fixture("link_beside/full"), "chat::Room::broadcast(");
  Symbols symbols(Symbolize::full, kNowhere);
  CHECK(function_at(symbols, address, module) == "chat::Room::broadcast(std::string const&)");
  ++module.inode;
  CHECK(function_at(symbols, address, module).empty());
  --module.inode;
  ++module.device;
  CHECK(function_at(symbols, address, module).empty());
}

TEST_CASE("debug data beyond the memory limit is not read; symbols remain") {
  const Module module = module_of(fixture("pie/room"));
  DebugSearch search = kNowhere;
  search.memory_limit = size_t{64} << 10;
  Symbols symbols(Symbolize::full, search);
  const uintptr_t address = address_of_function(module.path, "chat::Room::broadcast(");
  const auto frames = symbols.resolve(address, true, &module);
  REQUIRE(frames.size() == 1);
  CHECK(frames[0].function == "chat::Room::broadcast(std::string const&)");
  CHECK(frames[0].line == 0);
}

}  // namespace
}  // namespace holdwatch
