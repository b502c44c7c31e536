// The registers that no inner frame has saved, as far as they can be had without stopping the thread: from the code that led to
// the frame's call, and from the arguments of the system call that the innermost function is in.
// Cold context only; one thread at a time. Nothing is executed.
#pragma once

#include <vector>

#include "shim/common/contract/finding.h"
#include "symbolizer/unwind/code.h"
#include "symbolizer/unwind/frame_step.h"
#include "symbolizer/unwind/known_registers.h"
#include "symbolizer/unwind/memory.h"
#include "symbolizer/unwind/modules.h"
#include "symbolizer/unwind/stack_step.h"

namespace holdwatch {

struct DeducedFrame {
  // What is certain: registers at a known distance from one that inner frames have saved, from what the function was called with,
  // or from what it passes on to a system call.
  RegisterSet certain;
  // With those that were loaded from memory, by what is there now. Nothing that inner frames have saved contradicts it.
  RegisterSet likely;
  // Some other register that was loaded in the same way is still what is there now.
  bool is_supported = false;
  uintptr_t entry = 0;        // of its function; 0 if it is not known
  KnownRegisters at_entry{};  // what the function was called with: as likely
};

// `frames`: the registers of a stack's frames, innermost first; `call`: the one that the thread is in.
std::vector<DeducedFrame> deduce_registers(const std::vector<RegisterSet>& frames, const SystemCall& call,
                                           const Modules& modules, Code& code, StackStepper& stepper,
                                           MemoryReader& memory);

}  // namespace holdwatch
