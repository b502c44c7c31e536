// Walks up one stack, frame by frame: by the unwind tables, and by the frame pointer where there are none.
// Cold context only; one thread at a time. Stops where the stack is invalid, and notes why.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "shim/common/contract/finding.h"
#include "symbolizer/unwind/code.h"
#include "symbolizer/unwind/frame_evidence.h"
#include "symbolizer/unwind/frame_step.h"
#include "symbolizer/unwind/modules.h"
#include "symbolizer/unwind/pointer_call.h"
#include "symbolizer/unwind/stack_memory.h"
#include "symbolizer/unwind/tableless_step.h"

namespace holdwatch {

enum class End : uint8_t {
  thread_start,
  frame_pointer_unknown,  // the last frame's caller is found by rbp, which is unknown; see where_frame_pointer
  broken                  // the note says why
};

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

// Evidence for a value of rbp, including the call that it leads to.
struct CallerEvidence {
  CallMatch call = CallMatch::possible;  // if it is a call through a pointer, by the pointer's current value
  Support stores = Support::none;        // in the frame itself
  Support registers = Support::none;     // of its caller
};

// A call with its target, and the registers at the call.
struct Call {
  uintptr_t target;
  KnownRegisters registers;
};

class StackWalker {
 public:
  // Both must outlive the walker.
  StackWalker(const Modules& modules, MemoryReader& memory)
      : modules_(modules),
        stack_(memory),
        code_(modules, stack_),
        stepper_(modules),
        evidence_(code_, stack_),
        tableless_(modules, code_, stack_),
        pointer_calls_(stack_) {}

  // Starts the unwind of `snapshot`: all its walks together make a bounded number of steps and take at most `timeout`.
  void begin(const Snapshot& snapshot, std::chrono::nanoseconds timeout);

  // Called at every step.
  bool is_out_of_time();

  // Continues from the walk's registers to the end of the stack.
  End climb(Walk& walk);

  // Whether functions return to this frame without having been called from it by a call instruction: the kernel pushed
  // a signal's trampoline, makecontext the end of a context.
  bool needs_no_call(RegisterSet frame);

  // Where a frame's rbp may point that was not captured, as far as the frame's code determines it: exactly, if the code
  // moves its stack pointer only by constants.
  Distance where_frame_pointer(const RegisterSet& frame);

  // How far above its rbp a frame ends, according to its unwind tables and for any rbp; nothing if they do not say so.
  // 16 in compiled code; 24 in libffi's ffi_call_unix64, from rbp to its return address.
  std::optional<uintptr_t> distance_to_frame_end(RegisterSet frame);

  // Further evidence for the caller that a frame has if its rbp is right.
  CallerEvidence caller_evidence(const RegisterSet& frame);

  // How many of the calls through pointers, from a frame outwards, now lead elsewhere; see CallMatch.
  unsigned calls_elsewhere(RegisterSet frame);

  // "0x7f.. (libfoo.so)" for a note.
  std::string place(uintptr_t pc) const;

  // Drops the cached unwind tables and the results derived from code.
  void forget() {
    stepper_.forget();
    code_.forget();
    pointer_calls_.forget();
  }

  const Modules& modules() const { return modules_; }
  Code& code() { return code_; }
  StackMemory& stack() { return stack_; }

 private:
  StepResult step(Walk& walk, RegisterSet& caller);
  std::optional<Call> call_of(const RegisterSet& frame, int handed_on);
  std::optional<Procedure> code_around(const RegisterSet& frame, int handed_on);
  std::optional<Call> entering_call(const RegisterSet& frame, int handed_on);
  KnownRegisters registers_at_call(const RegisterSet& frame, const Procedure& code, int handed_on);
  bool starts_others(const RegisterSet& caller, const RegisterSet& callee);
  CallMatch match_call(const RegisterSet& caller, const RegisterSet& callee);
  bool accept(Walk& walk, const RegisterSet& caller, const StepResult& stepped);
  bool is_entry(uintptr_t pc, uintptr_t sp);
  uintptr_t entry_of(const Procedure& procedure, const RegisterSet& frame);
  bool deduce_frame_pointer(RegisterSet& frame);
  void read_lock_call(const RegisterSet& hook, RegisterSet& caller);
  void learn_arguments(const Walk& walk, RegisterSet& frame);
  bool hand_arguments_out(const RegisterSet& callee, RegisterSet& caller);
  std::string why_stopped(const Walk& walk, const StepResult& stepped) const;

  const Modules& modules_;
  StackMemory stack_;
  Code code_;
  FrameStepper stepper_;
  FrameEvidence evidence_;
  TablelessStepper tableless_;
  PointerCalls pointer_calls_;
  unsigned steps_left_ = 0;
  std::chrono::steady_clock::time_point end_;
};

}  // namespace holdwatch
