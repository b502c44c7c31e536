// Walks up one stack, frame by frame: by the unwind tables, and by the frame pointer where there are none.
// Cold context only; one thread at a time. Stops where the stack is invalid, and notes why.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "shim/common/contract/finding.h"
#include "symbolizer/unwind/call_match.h"
#include "symbolizer/unwind/code.h"
#include "symbolizer/unwind/frame_evidence.h"
#include "symbolizer/unwind/frame_step.h"
#include "symbolizer/unwind/modules.h"
#include "symbolizer/unwind/stack_memory.h"
#include "symbolizer/unwind/stack_step.h"

namespace holdwatch {

enum class End : uint8_t {
  thread_start,
  frame_pointer_unknown,  // the last frame's caller is found by rbp, which is unknown; see StackStepper
  broken                  // the note says why
};

// Evidence for a value of rbp, including the call that it leads to.
struct CallerEvidence {
  CallMatch call = CallMatch::possible;  // if it is a call through a pointer, by the pointer's current value
  Support stores = Support::none;        // in the frame itself
  Support registers = Support::none;     // of its caller
};

class StackWalker {
 public:
  // Both must outlive the walker.
  StackWalker(const Modules& modules, MemoryReader& memory)
      : modules_(modules),
        stack_(memory),
        code_(modules, stack_),
        evidence_(code_, stack_),
        stepper_(modules, code_, stack_),
        calls_(modules, code_, stack_, stepper_) {}

  // Starts the unwind of `snapshot`: all its walks together make a bounded number of steps and take at most `timeout`.
  void begin(const Snapshot& snapshot, std::chrono::nanoseconds timeout);

  // Called at every step.
  bool is_out_of_time();

  // Continues from the walk's registers to the end of the stack.
  End climb(Walk& walk);

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
    calls_.forget();
  }

  const Modules& modules() const { return modules_; }
  Code& code() { return code_; }
  StackMemory& stack() { return stack_; }
  StackStepper& stepper() { return stepper_; }

 private:
  bool accept(Walk& walk, const RegisterSet& caller, const StepResult& stepped);
  std::string why_stopped(const Walk& walk, const StepResult& stepped) const;

  const Modules& modules_;
  StackMemory stack_;
  Code code_;
  FrameEvidence evidence_;
  StackStepper stepper_;
  CallMatcher calls_;
  unsigned steps_left_ = 0;
  std::chrono::steady_clock::time_point end_;
};

}  // namespace holdwatch
