// Reads DWARF through libdw. See dwarf_info.h.
// Cold context only. Avoids libdw's own look-ups where they are slow or incomplete: dwarf_addrdie needs .debug_aranges,
// which clang does not write, and dwarf_getscopes goes through a whole unit twice, recursively, without finding
// functions inside namespaces.
#include "symbolizer/symbols/dwarf_info.h"

#include <dwarf.h>
#include <sys/stat.h>

#include <cstring>
#include <initializer_list>
#include <new>

#include "symbolizer/symbols/abbreviations.h"
#include "symbolizer/symbols/debug_sections.h"
#include "symbolizer/symbols/die_names.h"
#include "symbolizer/symbols/die_walk.h"

namespace holdwatch {
namespace {

constexpr size_t kMaxRanges = size_t{1} << 20;  // of all units, or of all functions in one
constexpr size_t kMaxInlined = 64;              // functions inlined into one another

constexpr size_t kBytesPerLine = 40;  // of libdw's decoded line table, which it keeps
// Per byte of a line program, which has at least one byte per line: libdw takes some 90 bytes per line while it decodes
// a table.
constexpr size_t kMaxMemoryPerByte = 64;
constexpr size_t kLongestPath = 4096;

// By default libdw ends the program if memory runs out, and continues with null pointers if this function returns. So
// it throws: libdw's functions have unwind tables, as all code on x86-64, and what they have allocated is freed with
// the Dwarf.
__attribute__((noreturn)) void out_of_memory() {  // for clang, [[noreturn]] is not part of the type
  throw std::bad_alloc();
}

// Whether such entries may contain functions with code at any depth.
bool may_hold_functions(int tag) {
  switch (tag) {
    case DW_TAG_namespace:
    case DW_TAG_module:
    case DW_TAG_class_type:
    case DW_TAG_structure_type:
    case DW_TAG_union_type:
    case DW_TAG_subprogram:
    case DW_TAG_lexical_block:
      return true;
    default:
      return false;
  }
}

bool has_ranges(Dwarf_Die entry) {
  return dwarf_hasattr(&entry, DW_AT_low_pc) != 0 || dwarf_hasattr(&entry, DW_AT_ranges) != 0;
}

std::string text_of(Dwarf_Die die, std::initializer_list<unsigned> attributes) {
  Dwarf_Attribute value;
  for (const unsigned attribute : attributes) {
    const char* text = dwarf_formstring(dwarf_attr(&die, attribute, &value));
    if (text != nullptr) return text;
  }
  return {};
}

// libdw opens the file that a unit names, whatever it is: a fifo would block us until another process writes to it.
bool may_be_opened(const std::string& path, size_t size_limit) {
  struct stat status;
  if (stat(path.c_str(), &status) != 0) return true;
  return S_ISREG(status.st_mode) && static_cast<size_t>(status.st_size) <= size_limit;
}

// libdw returns names as in the line table: often relative to the directory of the compilation.
std::string in_compilation_directory(const char* path, Dwarf_Die unit) {
  Dwarf_Attribute value;
  const char* directory = path[0] != '/' ? dwarf_formstring(dwarf_attr(&unit, DW_AT_comp_dir, &value)) : nullptr;
  std::string full = directory != nullptr ? std::string(directory) + "/" + path : path;
  return full.size() <= kLongestPath ? full : std::string();
}

}  // namespace

std::unique_ptr<DwarfInfo> DwarfInfo::load(ElfImage& image, ElfImage* alternate, size_t memory_limit,
                                           Deadline& deadline) {
  if (image.section(".debug_info") == nullptr && image.section(".zdebug_info") == nullptr) return nullptr;
  const DebugData readable = readable_debug_data(image, memory_limit);
  if (readable == DebugData::none) return nullptr;
  const size_t size = prepare_debug_sections(image, readable, alternate != nullptr);
  const size_t alternate_size = alternate != nullptr ? prepare_debug_sections(*alternate, readable, false) : 0;
  if (size > memory_limit || alternate_size > memory_limit - size) return nullptr;
  std::unique_ptr<DwarfInfo> info(new DwarfInfo(image, memory_limit, deadline));
  info->size_in_bytes_ = size + alternate_size;
  info->dwarf_ = dwarf_begin_elf(image.elf(), DWARF_C_READ, nullptr);
  if (info->dwarf_ == nullptr) return nullptr;
  dwarf_new_oom_handler(info->dwarf_, out_of_memory);
  info->lines_ = debug_section(image, "debug_line");
  if (alternate != nullptr) {
    info->alternate_ = dwarf_begin_elf(alternate->elf(), DWARF_C_READ, nullptr);
    if (info->alternate_ != nullptr) dwarf_new_oom_handler(info->alternate_, out_of_memory);
    if (info->alternate_ == nullptr || !info->has_sound_units(info->alternate_, *alternate)) return nullptr;
    dwarf_setalt(info->dwarf_, info->alternate_);
  }
  if (!info->has_sound_units(info->dwarf_, image)) return nullptr;
  info->index_units();
  return deadline.look() ? nullptr : std::move(info);
}

DwarfInfo::DwarfInfo(const ElfImage& image, size_t memory_limit, Deadline& deadline)
    : memory_limit_(memory_limit),
      deadline_(deadline),
      directory_of_image_(image.path().substr(0, image.path().rfind('/') + 1)) {}

DwarfInfo::~DwarfInfo() {
  dwarf_end(dwarf_);
  dwarf_end(alternate_);
}

// Checks all units, because any unit may refer to any other.
bool DwarfInfo::has_sound_units(Dwarf* dwarf, const ElfImage& image) {
  const Abbreviations abbreviations(debug_section(image, "debug_abbrev"));
  Dwarf_CU* unit = nullptr;
  Dwarf_Die entry;
  Dwarf_Off offset = 0;
  while (!deadline_.has_passed() && dwarf_get_units(dwarf, unit, &unit, nullptr, nullptr, nullptr, nullptr) == 0) {
    if (dwarf_cu_die(unit, &entry, nullptr, &offset, nullptr, nullptr, nullptr, nullptr) == nullptr) return false;
    if (!abbreviations.is_sound(offset)) return false;
  }
  return true;
}

void DwarfInfo::index_units() {
  Dwarf_CU* unit = nullptr;
  Dwarf_Die entry;
  uint8_t type = 0;
  while (!deadline_.has_passed() && dwarf_get_units(dwarf_, unit, &unit, nullptr, &type, &entry, nullptr) == 0) {
    if (type == DW_UT_compile || type == DW_UT_skeleton) add_ranges(entry, units_);
  }
  size_in_bytes_ += units_.capacity() * sizeof(Range);
}

void DwarfInfo::add_ranges(Dwarf_Die die, Ranges& ranges) {
  Dwarf_Addr base = 0;
  Dwarf_Addr start = 0;
  Dwarf_Addr end = 0;
  ptrdiff_t next = 0;
  while (ranges.size() < kMaxRanges && !deadline_.has_passed() &&
         (next = dwarf_ranges(&die, next, &base, &start, &end)) > 0) {
    // Linkers assign address 0 to functions that they dropped; there can be no code, because the ELF header is there.
    if (start != 0 && start < end) ranges.push_back({start, end, die});
  }
}

// The entry that contains the unit's functions: with split DWARF it is in another file, which libdw finds and checks.
Dwarf_Die DwarfInfo::full_unit(Dwarf_Die unit) const {
  uint8_t type = 0;
  Dwarf_Die split = {};
  if (dwarf_cu_info(unit.cu, nullptr, &type, nullptr, nullptr, nullptr, nullptr, nullptr) != 0 ||
      type != DW_UT_skeleton) {
    return unit;
  }
  const std::string name = text_of(unit, {DW_AT_dwo_name, DW_AT_GNU_dwo_name});
  const std::string directories[] = {text_of(unit, {DW_AT_comp_dir}) + "/", directory_of_image_, ""};
  for (const std::string& directory : directories) {
    if (!may_be_opened(directory + name, memory_limit_)) return unit;
  }
  const bool found = dwarf_cu_info(unit.cu, nullptr, nullptr, nullptr, &split, nullptr, nullptr, nullptr) == 0;
  if (!found || split.addr == nullptr) return unit;
  dwarf_new_oom_handler(dwarf_cu_getdwarf(split.cu), out_of_memory);
  return split;
}

// Whether decoding the unit's line table, which libdw does as a whole, stays within the memory limit.
bool DwarfInfo::may_read_lines(Dwarf_Die unit) const {
  Dwarf_Attribute value;
  Dwarf_Word offset = 0;
  if (dwarf_formudata(dwarf_attr(&unit, DW_AT_stmt_list, &value), &offset) != 0) return true;
  uint32_t length = 0;
  if (offset > lines_.size() || lines_.size() - offset < sizeof length) return false;
  std::memcpy(&length, lines_.data() + offset, sizeof length);
  // 0xffffffff announces the 64-bit form; a table that needs it would be too large to read anyway.
  return length <= memory_limit_ / kMaxMemoryPerByte;
}

const DwarfInfo::Range* DwarfInfo::innermost(const Ranges& ranges, uintptr_t address) {
  const Range* best = nullptr;
  for (const Range& range : ranges) {
    if (address < range.start || address >= range.end) continue;
    if (best == nullptr || range.end - range.start < best->end - best->start) best = &range;
  }
  return best;
}

const DwarfInfo::Ranges& DwarfInfo::functions_of(Dwarf_Die unit) {
  const Dwarf_Off key = dwarf_dieoffset(&unit);
  if (const Ranges* known = functions_.find(key)) return *known;
  Ranges functions;
  walk_dies(full_unit(unit), deadline_, [&](Dwarf_Die entry) {
    const int tag = dwarf_tag(&entry);
    if (tag == DW_TAG_subprogram) add_ranges(entry, functions);
    return may_hold_functions(tag) ? NextDie::enter : NextDie::pass;
  });
  functions.shrink_to_fit();
  size_in_bytes_ += functions.capacity() * sizeof(Range);
  Dwarf_Lines* lines = nullptr;
  size_t line_count = 0;
  if (may_read_lines(unit) && dwarf_getsrclines(&unit, &lines, &line_count) == 0)
    size_in_bytes_ += line_count * kBytesPerLine;
  return functions_.insert(key, std::move(functions));
}

// The inlined calls at `address` in `function`, outermost first.
std::vector<Dwarf_Die> DwarfInfo::inlined_at(Dwarf_Die function, uintptr_t address) {
  std::vector<Dwarf_Die> calls;
  Dwarf_Die scope = function;
  for (bool found = true; found && calls.size() < kMaxInlined;) {
    found = false;
    walk_dies(scope, deadline_, [&](Dwarf_Die entry) {
      const int tag = dwarf_tag(&entry);
      if (tag != DW_TAG_inlined_subroutine && tag != DW_TAG_lexical_block) return NextDie::pass;
      const bool covers = dwarf_haspc(&entry, address) == 1;
      // gcc writes blocks without a range around inlined calls that have one.
      if (tag == DW_TAG_lexical_block) return covers || !has_ranges(entry) ? NextDie::enter : NextDie::pass;
      if (!covers) return NextDie::pass;
      found = true;
      scope = entry;
      calls.push_back(entry);
      return NextDie::stop;
    });
  }
  return calls;
}

void DwarfInfo::locate(Dwarf_Die unit, uintptr_t address, CodeScope& scope) const {
  if (!may_read_lines(unit)) return;
  Dwarf_Line* line = dwarf_getsrc_die(&unit, address);
  int number = 0;
  const char* path = line != nullptr ? dwarf_linesrc(line, nullptr, nullptr) : nullptr;
  // Line 0 means code that belongs to no line.
  if (path == nullptr || dwarf_lineno(line, &number) != 0 || number <= 0) return;
  scope.file = in_compilation_directory(path, unit);
  scope.line = number;
}

// The line that called the inlined function `call`.
void DwarfInfo::locate_call(Dwarf_Die call, Dwarf_Die unit, CodeScope& scope) const {
  if (!may_read_lines(unit)) return;
  Dwarf_Attribute value;
  Dwarf_Word line = 0;
  Dwarf_Word file = 0;
  if (dwarf_formudata(dwarf_attr(&call, DW_AT_call_line, &value), &line) != 0 || line > INT32_MAX) return;
  if (dwarf_formudata(dwarf_attr(&call, DW_AT_call_file, &value), &file) != 0) return;
  Dwarf_Files* files = nullptr;
  size_t count = 0;
  if (dwarf_getsrcfiles(&unit, &files, &count) != 0 || file >= count) return;
  const char* path = dwarf_filesrc(files, file, nullptr, nullptr);
  if (path == nullptr) return;
  scope.file = in_compilation_directory(path, unit);
  scope.line = static_cast<int>(line);
}

std::vector<CodeScope> DwarfInfo::find(uintptr_t address) {
  const Range* unit = innermost(units_, address);
  if (unit == nullptr) return {};
  std::vector<CodeScope> scopes(1);
  locate(unit->die, address, scopes.front());
  const Ranges& functions = functions_of(unit->die);
  const Range* function = innermost(functions, address);
  if (function == nullptr) {
    // Assembly has lines, but no functions; in compiled code, an address outside all functions is padding between them.
    return functions.empty() && scopes.front().line != 0 ? scopes : std::vector<CodeScope>();
  }

  std::vector<Dwarf_Die> calls = inlined_at(function->die, address);
  for (auto call = calls.rbegin(); call != calls.rend(); ++call) {
    FunctionName name = function_name(*call, deadline_);
    scopes.back().function = std::move(name.text);
    scopes.back().from_linkage = name.from_linkage;
    scopes.back().is_rust = name.is_rust;
    locate_call(*call, full_unit(unit->die), scopes.emplace_back());
  }
  FunctionName name = function_name(function->die, deadline_);
  scopes.back().function = std::move(name.text);
  scopes.back().from_linkage = name.from_linkage;
  scopes.back().is_rust = name.is_rust;
  return scopes;
}

// With the blocks around, which have the variables.
CodePlace DwarfInfo::place_of(Dwarf_Die function, uintptr_t address) {
  CodePlace place{address, function, {}};
  std::vector<Dwarf_Die> outermost_first{function};
  walk_dies(function, deadline_, [&](Dwarf_Die entry) {
    const int tag = dwarf_tag(&entry);
    if (tag != DW_TAG_inlined_subroutine && tag != DW_TAG_lexical_block) return NextDie::pass;
    if (dwarf_haspc(&entry, address) != 1) return has_ranges(entry) ? NextDie::pass : NextDie::enter;
    if (outermost_first.size() < kMaxInlined) outermost_first.push_back(entry);
    return NextDie::enter;
  });
  place.scopes.assign(outermost_first.rbegin(), outermost_first.rend());
  return place;
}

std::string DwarfInfo::lock_in_frame(uintptr_t address, const FrameValues& frame, const LockRef& lock) {
  const Range* unit = innermost(units_, address);
  if (unit == nullptr) return "";
  const Range* function = innermost(functions_of(unit->die), address);
  return function == nullptr ? "" : holdwatch::lock_in_frame(place_of(function->die, address), frame, lock, deadline_);
}

bool DwarfInfo::lock_in_variable(uintptr_t code, const std::string& symbol, uint64_t begin, const LockRef& lock,
                                 std::string& way) {
  const Range* unit = innermost(units_, code);
  return unit != nullptr && holdwatch::lock_in_variable(full_unit(unit->die), symbol, begin, lock, deadline_, way);
}

}  // namespace holdwatch
