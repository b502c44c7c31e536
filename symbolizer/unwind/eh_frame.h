// Finds the procedure that contains an address in a module's .eh_frame_hdr, and checks everything that libunwind would
// use unchecked.
// Cold context only. libunwind 1.6 indexes arrays with numbers from the tables (return-address column, DW_CFA_register)
// and follows a table entry that leads to a CIE: only data that was checked here may be passed to it.
#pragma once

#include <cstdint>
#include <optional>

#include "symbolizer/unwind/memory.h"
#include "symbolizer/unwind/modules.h"

namespace holdwatch {

struct Procedure {
  uintptr_t start;
  uintptr_t end;
  uintptr_t table_entry;          // run-time address of its entry in the search table of .eh_frame_hdr
  uintptr_t exception_table = 0;  // run-time address of its language-specific data, 0 if it has none

  bool contains(uintptr_t pc) const { return pc >= start && pc < end; }
};

// Nothing if the module's tables do not describe `pc`, or cannot be trusted.
std::optional<Procedure> find_procedure(const Module& module, MemoryReader& memory, uintptr_t pc);

// The run-time address of the personality routine, which the exception table of the procedure that contains `pc` is for: it tells the
// languages apart. 0 if there is none.
uintptr_t find_personality(const Module& module, MemoryReader& memory, uintptr_t pc);

}  // namespace holdwatch
