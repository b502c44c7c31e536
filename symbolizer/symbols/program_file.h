// What a program's file shows, apart from whether a library can be preloaded: in which language it was written, which
// of the watched functions it calls, whether there is debug data, whether its functions keep frame pointers. Runs
// nothing.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "symbolizer/symbols/elf_sections.h"

namespace holdwatch {

class ProgramFile {
 public:
  explicit ProgramFile(const std::string& path);

  bool is_readable() const { return file_ != nullptr; }
  bool is_go() const;
  bool is_rust() const;

  // Only the functions that are watched.
  std::vector<std::string> imported_lock_functions() const { return lock_functions(true); }
  std::vector<std::string> defined_lock_functions() const { return lock_functions(false); }

  enum class DebugData { none, exported, symbols, lines };
  DebugData debug_data() const;

  // Whether most functions begin by saving rbp. False if that cannot be determined.
  bool keeps_frame_pointers() const;

  // The NN of the highest GLIBC_2.NN in the file: what a program needs, or what a libc provides. 0 if none.
  unsigned glibc_minor() const;

 private:
  std::vector<std::string> lock_functions(bool imported) const;
  bool exports_functions() const;

  std::unique_ptr<ElfSections> file_;
};

}  // namespace holdwatch
