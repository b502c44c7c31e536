#include "symbolizer/symbols/private_copy.h"

#include "tests/catch.h"

namespace holdwatch {
namespace {

constexpr const char* kSelf = "/proc/self/exe";

std::string_view contents(const ElfImage& image, const char* name) {
  Elf_Scn* section = image.section(name);
  return section == nullptr ? std::string_view() : image.bytes(section);
}

TEST_CASE("a copy has the file's symbols, debug data and name, and no longer needs the file") {
  const auto file = ElfImage::open(kSelf);
  const auto copy = into_private_memory(ElfImage::open(kSelf), DebugData::all);
  REQUIRE(copy != nullptr);
  CHECK(copy->descriptor() == -1);
  CHECK(copy->path() == file->path());
  CHECK(copy->build_id() == file->build_id());
  CHECK(copy->inode() == file->inode());
  for (const char* name : {".symtab", ".strtab", ".dynsym", ".rela.plt", ".debug_info", ".debug_line"}) {
    INFO(name);
    CHECK(contents(*copy, name) == contents(*file, name));
  }
  CHECK_FALSE(contents(*copy, ".symtab").empty());
}

TEST_CASE("a copy leaves out what is never read") {
  const auto copy = into_private_memory(ElfImage::open(kSelf), DebugData::without_locations);
  for (const char* name : {".text", ".rodata", ".debug_loclists", ".debug_aranges"}) {
    INFO(name);
    CHECK(copy->section(name) == nullptr);
  }
  CHECK(into_private_memory(ElfImage::open(kSelf), DebugData::all)->section(".debug_loclists") != nullptr);
  CHECK(into_private_memory(ElfImage::open(kSelf), DebugData::none)->section(".debug_info") == nullptr);
}

TEST_CASE("an image that is no file stays what it is") {
  auto file = ElfImage::open(kSelf);
  file->close_file();
  const ElfImage* before = file.get();
  CHECK(into_private_memory(std::move(file), DebugData::all).get() == before);
}

}  // namespace
}  // namespace holdwatch
