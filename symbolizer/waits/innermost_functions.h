// The names of the functions that a thread blocks in, as far as they belong to libc or the C++ library, and of the
// function of theirs that the program called: its own code has no say in what a wait is.
// Cold context only.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "shim/common/contract/finding.h"
#include "symbolizer/symbols/symbols.h"
#include "symbolizer/unwind/code.h"
#include "symbolizer/unwind/modules.h"

namespace holdwatch {

using ResolveFrames = std::function<std::vector<Frame>(uintptr_t pc, bool exact)>;

// Whether the function at an address, whose frames these are, has a name with this part.
inline bool is_named(const std::vector<Frame>& frames, std::string_view part) {
  return !frames.empty() && frames.back().function.find(part) != std::string::npos;
}

// An address inside the call that a frame is in.
inline uintptr_t inside(const RawFrame& frame) {
  return frame.pc_is_exact ? frame.pc : frame.pc - 1;
}

// Whether it is libc, the C++ library, the loader, or ours. Null: no.
bool is_runtime_library(const Module* module);

// `stack`: at least the innermost frames. What is exported may have jumped into an internal function without a name
// (pthread_join): it is found from libc's code, and from the call instruction. In a program that is linked
// statically, the names of all innermost functions. Innermost first.
std::vector<std::string> innermost_functions(const RawStack& stack, const Modules& modules, MemoryReader& memory,
                                             Code& code, const ResolveFrames& resolve);

}  // namespace holdwatch
