// Traverses a file's section headers. See debug_sections.h.
// Cold context only.
#include "symbolizer/symbols/debug_sections.h"

#include <gelf.h>

#include <algorithm>
#include <array>
#include <string>

namespace holdwatch {
namespace {

// Sections that only a debugger needs. libdw reads and inflates every section it knows when it opens the file, so they
// are hidden from it.
constexpr std::array<std::string_view, 5> kNotNeeded = {".debug_macinfo", ".debug_macro", ".debug_pubnames",
                                                        ".debug_aranges", ".debug_frame"};
constexpr std::array<std::string_view, 2> kLocations = {".debug_loc", ".debug_loclists"};
constexpr size_t kSharesForLocations = 4;  // all together may take this part of the memory for debug data

bool is_debug_data(std::string_view name) {
  return name.starts_with(".debug_") || name.starts_with(".zdebug_");
}

void hide(Elf_Scn* section) {
  GElf_Shdr header;
  if (gelf_getshdr(section, &header) == nullptr) return;
  header.sh_type = SHT_NOBITS;  // in memory only: the file is open for reading
  gelf_update_shdr(section, &header);
}

// Inflated; SIZE_MAX if the headers claim more than is possible.
size_t needed_debug_size(const ElfImage& image, DebugData readable) {
  size_t total = 0;
  for (Elf_Scn* section = elf_nextscn(image.elf(), nullptr); section != nullptr;
       section = elf_nextscn(image.elf(), section)) {
    const std::string_view name = image.section_name(section);
    if (!is_debug_data(name) || !is_needed(name, readable)) continue;
    const size_t size = image.inflated_size(section);
    total = size > SIZE_MAX - total ? SIZE_MAX : total + size;
  }
  return total;
}

}  // namespace

bool is_needed(std::string_view name, DebugData readable) {
  const auto is_in = [name](const auto& names) { return std::find(names.begin(), names.end(), name) != names.end(); };
  return readable != DebugData::none && !is_in(kNotNeeded) && (readable == DebugData::all || !is_in(kLocations));
}

DebugData readable_debug_data(const ElfImage& image, size_t limit) {
  if (needed_debug_size(image, DebugData::all) <= limit / kSharesForLocations) return DebugData::all;
  return needed_debug_size(image, DebugData::without_locations) <= limit ? DebugData::without_locations
                                                                         : DebugData::none;
}

size_t prepare_debug_sections(const ElfImage& image, DebugData readable, bool has_alternate) {
  for (Elf_Scn* section = elf_nextscn(image.elf(), nullptr); section != nullptr;
       section = elf_nextscn(image.elf(), section)) {
    const std::string_view name = image.section_name(section);
    // libdw would open the file that is named there without checking its build id.
    const bool unproven = name == ".gnu_debugaltlink" && !has_alternate;
    if ((is_debug_data(name) && !is_needed(name, readable)) || unproven) hide(section);
  }
  return needed_debug_size(image, readable);
}

std::string_view debug_section(const ElfImage& image, std::string_view name) {
  for (const char* prefix : {".", ".z"}) {
    Elf_Scn* section = image.section(std::string(prefix) + std::string(name));
    const Elf_Data* data = section != nullptr ? image.data(section) : nullptr;
    if (data != nullptr && data->d_buf != nullptr) return {static_cast<const char*>(data->d_buf), data->d_size};
  }
  return {};
}

}  // namespace holdwatch
