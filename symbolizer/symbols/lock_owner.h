// Which object of the program a lock is part of, by the debug data: a parameter or variable of a frame contains it or points to it,
// or a global variable contains it.
// Cold context only. An object counts only if its type has such a lock at exactly the lock's address.
#pragma once

#include <elfutils/libdw.h>

#include <string>
#include <vector>

#include "shim/common/contract/finding.h"
#include "symbolizer/symbols/deadline.h"
#include "symbolizer/symbols/frame_values.h"

namespace holdwatch {

// A frame's function and those that are inlined there, innermost first, with the blocks around the place of execution.
struct CodePlace {
  uintptr_t pc;        // as in the file
  Dwarf_Die function;  // that has the frame
  std::vector<Dwarf_Die> scopes;
};

// "Room::members_mutex", or "serve(int)::mutex" for a variable of a function; empty if not known.
std::string lock_in_frame(const CodePlace& place, const FrameValues& frame, const LockRef& lock, Deadline& deadline);

// What follows the name of the variable that contains the lock, which begins at `begin` and has that symbol: ".mutex", "[3].mutex", or
// nothing if the variable is the lock itself. `unit` is one that may describe it. All addresses are as in the file. False if not known.
bool lock_in_variable(Dwarf_Die unit, const std::string& symbol, uint64_t begin, const LockRef& lock,
                      Deadline& deadline, std::string& way);

}  // namespace holdwatch
