// The rules of shim/common/elf/headers.h and dynamic_table.h, on bytes made by hand.
#include "shim/common/elf/headers.h"

#include <string>
#include <vector>

#include "shim/common/elf/dynamic_table.h"
#include "shim/common/elf/memory_sources.h"
#include "tests/catch.h"

using namespace holdwatch;

namespace {

Elf64_Ehdr our_header() {
  Elf64_Ehdr header{};
  memcpy(header.e_ident, ELFMAG, SELFMAG);
  header.e_ident[EI_CLASS] = ELFCLASS64;
  header.e_machine = EM_X86_64;
  header.e_phoff = sizeof header;
  header.e_phentsize = sizeof(Elf64_Phdr);
  header.e_shentsize = sizeof(Elf64_Shdr);
  return header;
}

template <typename Value>
std::string bytes_of(const Value& value) {
  return std::string(reinterpret_cast<const char*>(&value), sizeof value);
}

ElfKind kind_in(const std::string& bytes) {
  Elf64_Ehdr header;
  return read_elf_header(ByteSource{bytes}, 0, &header);
}

// A module with one exported symbol, "lock". The loader has made addresses of the offsets, but for the first one.
struct Exporting {
  static constexpr uintptr_t kBias = 16;

  Elf64_Sym symbols[2] = {};
  Elf64_Half versions[4] = {0, 1, 0, 0};
  char names[16] = "\0lock";
  uint32_t hashes[8] = {1, 1, 1, 0,
                        0, 0, 1, 0};  // one bucket, from symbol 1 on, one filter word; the bucket; the chain
  Elf64_Dyn dynamic[5] = {};

  Exporting() {
    symbols[1].st_name = 1;
    symbols[1].st_shndx = 7;
    symbols[1].st_value = 0x1234;
    uint32_t hash = 5381;
    for (const char character : std::string("lock")) hash = hash * 33 + static_cast<unsigned char>(character);
    hashes[7] = hash | 1;
    dynamic[0] = {DT_SYMTAB, {offsetof(Exporting, symbols)}};
    dynamic[1] = {DT_STRTAB, {kBias + offsetof(Exporting, names)}};
    dynamic[2] = {DT_GNU_HASH, {kBias + offsetof(Exporting, hashes)}};
    dynamic[3] = {DT_VERSYM, {kBias + offsetof(Exporting, versions)}};
  }
};

bool finds(const Exporting& module, std::string_view name, Elf64_Sym* symbol) {
  const std::string bytes = std::string(Exporting::kBias, '\0') + bytes_of(module);
  const DynamicTable table =
      read_dynamic_table(ByteSource{bytes}, Exporting::kBias + offsetof(Exporting, dynamic), Exporting::kBias);
  return find_exported_symbol(ByteSource{bytes}, table, name, symbol);
}

}  // namespace

TEST_CASE("what kind of object a header is of") {
  Elf64_Ehdr header = our_header();
  CHECK(kind_in(bytes_of(header)) == ElfKind::ours);
  header.e_machine = EM_AARCH64;
  CHECK(kind_in(bytes_of(header)) == ElfKind::other_machine);
  header.e_ident[EI_CLASS] = ELFCLASS32;
  CHECK(kind_in(bytes_of(header)) == ElfKind::of_32_bits);
  header.e_ident[0] = 0;
  CHECK(kind_in(bytes_of(header)) == ElfKind::none);
}

TEST_CASE("a header that is cut is none, but a 32-bit one is shorter than ours") {
  Elf64_Ehdr header = our_header();
  CHECK(kind_in("") == ElfKind::none);
  CHECK(kind_in(bytes_of(header).substr(0, sizeof header - 1)) == ElfKind::none);
  header.e_ident[EI_CLASS] = ELFCLASS32;
  CHECK(kind_in(bytes_of(header).substr(0, sizeof(Elf32_Ehdr))) == ElfKind::of_32_bits);
}

TEST_CASE("segments are visited in order, until the visitor has enough or the bytes end") {
  Elf64_Ehdr header = our_header();
  header.e_phnum = 40;
  std::string bytes = bytes_of(header);
  for (uint32_t i = 0; i < 40; ++i) {
    Elf64_Phdr segment{};
    segment.p_type = i;
    bytes += bytes_of(segment);
  }
  const auto visited = [&](const std::string& file, uint32_t last) {
    std::vector<uint32_t> types;
    const bool found = visit_segments(ByteSource{file}, 0, header, [&](const Elf64_Phdr& segment) {
      CHECK(segment.p_type == types.size());
      types.push_back(segment.p_type);
      return segment.p_type == last;
    });
    CHECK(found == (!types.empty() && types.back() == last));
    return types.size();
  };
  CHECK(visited(bytes, 99) == 40);
  CHECK(visited(bytes, 17) == 18);
  CHECK(visited(bytes.substr(0, sizeof header + 20 * sizeof(Elf64_Phdr) + 5), 99) == 20);
  header.e_phnum = kMaxSegments + 1;
  CHECK(visited(bytes, 99) == 0);
  header.e_phnum = 40;
  header.e_phentsize = 8;
  CHECK(visited(bytes, 99) == 0);
}

TEST_CASE("a core file's many segments are counted in its first section") {
  Elf64_Ehdr header = our_header();
  header.e_phnum = 3;
  CHECK(count_core_segments(ByteSource{""}, header, 100) == 3);
  header.e_phnum = PN_XNUM;
  header.e_shoff = 0;
  Elf64_Shdr section{};
  section.sh_info = 70'000;
  const std::string bytes = bytes_of(section);
  CHECK(count_core_segments(ByteSource{bytes}, header, 100'000) == 70'000);
  CHECK(count_core_segments(ByteSource{bytes}, header, 1'000) == 1'000);
  CHECK(count_core_segments(ByteSource{""}, header, 1'000) == 0);
}

TEST_CASE("an exported symbol is found by name, in its current version, where it is defined") {
  Exporting module;
  Elf64_Sym symbol{};
  REQUIRE(finds(module, "lock", &symbol));
  CHECK(symbol.st_value == 0x1234);
  CHECK_FALSE(finds(module, "loc", &symbol));
  CHECK_FALSE(finds(module, "locks", &symbol));
  module.versions[1] |= 0x8000;
  CHECK_FALSE(finds(module, "lock", &symbol));
  module.versions[1] = 1;
  module.symbols[1].st_shndx = SHN_UNDEF;
  CHECK_FALSE(finds(module, "lock", &symbol));
}

TEST_CASE("a damaged hash table shows nothing") {
  Exporting module;
  Elf64_Sym symbol{};
  module.hashes[0] = 0;  // no bucket
  CHECK_FALSE(finds(module, "lock", &symbol));
  module.hashes[0] = 1;
  module.hashes[6] = 0;  // an empty one
  CHECK_FALSE(finds(module, "lock", &symbol));
  module.hashes[6] = 0xffffffff;  // a chain that is not there
  CHECK_FALSE(finds(module, "lock", &symbol));
  module.hashes[6] = 1;
  module.symbols[1].st_name = 0xffffffff;
  CHECK_FALSE(finds(module, "lock", &symbol));
}
