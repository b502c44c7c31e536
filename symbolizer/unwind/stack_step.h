// One step up a stack: by the unwind tables, with rbp from the code if they need it and it is unknown; by the code or the
// frame pointer where there are no tables.
// Cold context only; one thread at a time.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "shim/common/contract/finding.h"
#include "symbolizer/unwind/code.h"
#include "symbolizer/unwind/frame_step.h"
#include "symbolizer/unwind/modules.h"
#include "symbolizer/unwind/stack_memory.h"
#include "symbolizer/unwind/tableless_step.h"

namespace holdwatch {

// A walk up a stack: the frames so far, and the registers of the next one.
struct Walk {
  RegisterSet registers;
  std::vector<RawFrame> frames;
  std::vector<RegisterSet> registers_of_frames;  // of the innermost ones
  bool check_calls = false;                      // while a guess is being proven: every call must fit its callee
  bool is_contradicted = false;                  // one did not
  uintptr_t first_without_tables = 0;            // pc of the first frame that was unwound by its frame pointer
  std::string note;
};

class StackStepper {
 public:
  // All must outlive the stepper.
  StackStepper(const Modules& modules, Code& code, StackMemory& stack)
      : modules_(modules), code_(code), stack_(stack), tables_(modules), tableless_(modules, code, stack) {}

  // From the registers of a frame to those of its caller.
  StepResult step(Walk& walk, RegisterSet& caller);

  // The same outside a walk, for a caller that needs nothing of what a walk notes about its innermost frames.
  StepResult step(RegisterSet& caller) {
    Walk unused;
    return step(unused, caller);
  }

  // By the tables alone.
  StepResult step_by_tables(RegisterSet& caller) { return tables_.step(caller, stack_); }

  // Whether functions return to this frame without having been called from it by a call instruction: the kernel pushed
  // a signal's trampoline, makecontext the end of a context.
  bool needs_no_call(RegisterSet frame);

  // Where a frame's rbp may point that was not captured, as far as the frame's code determines it: exactly, if the code
  // moves its stack pointer only by constants.
  Distance where_frame_pointer(const RegisterSet& frame);

  // How far above its rbp a frame ends, according to its unwind tables and for any rbp; nothing if they do not say so.
  // 16 in compiled code; 24 in libffi's ffi_call_unix64, from rbp to its return address.
  std::optional<uintptr_t> distance_to_frame_end(RegisterSet frame);

  // The start of the function to which the tables' procedure belongs: rarely used parts are placed elsewhere, and most
  // of them jump back.
  uintptr_t entry_of(const Procedure& procedure, const RegisterSet& frame);

  // Sets the caller's rbp if the callee is a hook, which has noted it.
  void read_lock_call(const RegisterSet& hook, RegisterSet& caller);

  void forget() { tables_.forget(); }

 private:
  bool is_entry(uintptr_t pc, uintptr_t sp);
  bool deduce_frame_pointer(RegisterSet& frame);
  void learn_arguments(const Walk& walk, RegisterSet& frame);
  bool hand_arguments_out(const RegisterSet& callee, RegisterSet& caller);

  const Modules& modules_;
  Code& code_;
  StackMemory& stack_;
  FrameStepper tables_;
  TablelessStepper tableless_;
};

}  // namespace holdwatch
