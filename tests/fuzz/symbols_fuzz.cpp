// libFuzzer target: an ELF file with debug data whose headers, symbols, relocations and DWARF have any bytes changed, or
// that ends too early. Names and lines may be missing or wrong then, but they come, within bounds.
#include <elf.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>
#include <vector>

#include "symbolizer/symbols/debug_file.h"
#include "symbolizer/symbols/dwarf_info.h"
#include "symbolizer/symbols/elf_image.h"
#include "symbolizer/symbols/plt.h"
#include "symbolizer/symbols/symbol_table.h"
#include "tests/fuzz/fuzz.h"

using namespace holdwatch;
using fuzz::check;

namespace {

constexpr size_t kMemoryLimit = size_t{16} << 20;
constexpr size_t kMaxScopes = 65;   // 64 inlined functions and the one around them
constexpr size_t kLongest = 20000;  // of a name or a path

struct Region {
  size_t start, size;
};

std::vector<char> g_seed;
std::vector<Region> g_regions;  // the file's headers and sections, so that large ones are not hit more often than small
Region g_code;

template <typename T>
T at(size_t offset) {
  T value;
  std::memcpy(&value, g_seed.data() + offset, sizeof value);
  return value;
}

// Changes bytes of one region; sizes and offsets of headers are better hit as whole words.
void damage(fuzz::Choices& choices, std::vector<char>& bytes) {
  for (size_t edits = 0; edits < 64 && choices.more(); ++edits) {
    const Region& region = g_regions[choices.take<uint8_t>() % g_regions.size()];
    const size_t offset = region.start + choices.take<uint16_t>() % region.size;
    const auto kind = choices.take<uint8_t>();
    const size_t length = std::min(size_t{1} << kind % 4, region.start + region.size - offset);
    for (size_t i = 0; i < length; ++i) bytes[offset + i] = choices.take<char>();
  }
}

void check_scopes(const std::vector<CodeScope>& scopes) {
  check(scopes.size() <= kMaxScopes);
  for (const CodeScope& scope : scopes) {
    check(scope.line >= 0 && scope.function.size() <= kLongest && scope.file.size() <= kLongest);
  }
}

// A frame whose registers and memory are whatever they are, for a lock at any place near them.
void look_for_locks(DwarfInfo& dwarf, uintptr_t pc, fuzz::Choices& choices) {
  const auto base = uintptr_t{choices.take<uint16_t>()} << 12;
  const FrameValues frame{[&](unsigned number) { return std::optional(base + number * 8); },
                          [&](uintptr_t address) { return std::optional(base + address % 4096); }, base, base};
  for (const LockKind kind : {LockKind::mutex, LockKind::rwlock}) {
    const LockRef lock{base + choices.take<uint8_t>(), kind};
    check(dwarf.lock_in_frame(pc, frame, lock).size() <= kLongest);
    std::string way;
    dwarf.lock_in_variable(pc, "_ZN4chat5roomsE", choices.take<uint8_t>(), lock, way);
    check(way.size() <= kLongest);
  }
}

}  // namespace

// The seed stands beside the program.
extern "C" int LLVMFuzzerInitialize(int*, char*** arguments) {
  const std::string program = (*arguments)[0];
  std::ifstream file(program.substr(0, program.rfind('/')) + "/seed.so", std::ios::binary);
  g_seed.assign(std::istreambuf_iterator<char>(file), {});
  check(g_seed.size() > sizeof(Elf64_Ehdr));
  const auto header = at<Elf64_Ehdr>(0);
  g_regions = {{0, sizeof header}, {header.e_shoff, header.e_shnum * sizeof(Elf64_Shdr)}};
  for (size_t i = 0; i < header.e_shnum; ++i) {
    const auto section = at<Elf64_Shdr>(header.e_shoff + i * sizeof(Elf64_Shdr));
    if (section.sh_type != SHT_NOBITS && section.sh_size != 0)
      g_regions.push_back({section.sh_offset, section.sh_size});
    if ((section.sh_flags & SHF_EXECINSTR) != 0) g_code = {section.sh_addr, section.sh_size};
  }
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, size_t size) {
  fuzz::Choices choices(data, size);
  const auto cut = choices.take<uint16_t>();
  std::vector<char> bytes = g_seed;
  damage(choices, bytes);
  if (cut % 4 == 1) bytes.resize(cut % bytes.size());
  const auto image = ElfImage::from_bytes(std::move(bytes));
  if (image == nullptr) return 0;
  SymbolTable symbols;
  symbols.add(*image);
  const PltStubs stubs(*image);
  unpack_mini_debug(*image);
  Deadline deadline(std::chrono::seconds(20));
  const auto dwarf = DwarfInfo::load(*image, nullptr, kMemoryLimit, deadline);
  for (size_t offset = 0; offset < g_code.size; offset += 1 + g_code.size / 24) {
    symbols.find(g_code.start + offset);
    stubs.find(g_code.start + offset);
    if (dwarf == nullptr) continue;
    check_scopes(dwarf->find(g_code.start + offset));
    look_for_locks(*dwarf, g_code.start + offset, choices);
  }
  return 0;
}
