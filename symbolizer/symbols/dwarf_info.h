// Functions, inlined functions and lines at an address, from one module's DWARF.
// Cold context only. The data may be truncated or damaged: all traversal is bounded, and a failure means "unknown".
#pragma once

#include <elfutils/libdw.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "symbolizer/symbols/deadline.h"
#include "symbolizer/symbols/elf_image.h"
#include "symbolizer/symbols/frame_values.h"
#include "symbolizer/symbols/lock_owner.h"
#include "symbolizer/symbols/lru.h"

namespace holdwatch {

// A function at an address, or one inlined there.
struct CodeScope {
  std::string function;       // readable, empty if not known
  bool from_linkage = false;  // see FunctionName
  bool is_rust = false;
  std::string file;  // where execution is within this function
  int line = 0;
};

class DwarfInfo {
 public:
  // Null if the image has no DWARF that can be trusted, or reading it would take more than `memory_limit` bytes or
  // longer than the deadline. `alternate` is the file to which dwz moved shared parts, or null. Everything needed is
  // read here; the files may be closed afterwards, but the images and the deadline must outlive this.
  static std::unique_ptr<DwarfInfo> load(ElfImage& image, ElfImage* alternate, size_t memory_limit, Deadline& deadline);
  ~DwarfInfo();

  // The functions at `address` (as in the file's symbol tables), innermost first. Empty if nothing is known; if only
  // the line is known (assembly), one scope without a name.
  std::vector<CodeScope> find(uintptr_t address);

  // See lock_owner.h. `address` and `code` are as in the file's symbol tables, the lock's address is that of the process.
  std::string lock_in_frame(uintptr_t address, const FrameValues& frame, const LockRef& lock);
  bool lock_in_variable(uintptr_t code, const std::string& symbol, uint64_t begin, const LockRef& lock,
                        std::string& way);

  // Approximate memory use.
  size_t size_in_bytes() const { return size_in_bytes_; }

 private:
  struct Range {
    uintptr_t start, end;
    Dwarf_Die die;  // the unit or function that has code there
  };
  using Ranges = std::vector<Range>;

  DwarfInfo(const ElfImage& image, size_t memory_limit, Deadline& deadline);
  bool has_sound_units(Dwarf* dwarf, const ElfImage& image);
  void index_units();
  const Ranges& functions_of(Dwarf_Die unit);
  void add_ranges(Dwarf_Die die, Ranges& ranges);
  Dwarf_Die full_unit(Dwarf_Die unit) const;
  bool may_read_lines(Dwarf_Die unit) const;
  static const Range* innermost(const Ranges& ranges, uintptr_t address);
  CodePlace place_of(Dwarf_Die function, uintptr_t address);
  std::vector<Dwarf_Die> inlined_at(Dwarf_Die function, uintptr_t address);
  void locate(Dwarf_Die unit, uintptr_t address, CodeScope& scope) const;
  void locate_call(Dwarf_Die call, Dwarf_Die unit, CodeScope& scope) const;

  size_t memory_limit_;
  Deadline& deadline_;
  std::string directory_of_image_;  // ends in a slash
  Dwarf* dwarf_ = nullptr;
  Dwarf* alternate_ = nullptr;
  std::string_view lines_;  // .debug_line
  Ranges units_;
  Lru<Dwarf_Off, Ranges> functions_{64};  // by the offset of their unit
  size_t size_in_bytes_ = 0;
};

}  // namespace holdwatch
