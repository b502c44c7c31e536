// The walk up one stack, frame by frame: by the unwind tables, and by the frame pointer where there are none.
// Cold context only; one thread at a time. Ends where the stack makes no sense, and says why.
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

// A walk up a stack: the frames so far, and the registers of the one to come.
struct Walk {
  RegisterSet registers;
  std::vector<RawFrame> frames;
  std::vector<RegisterSet> registers_of_frames;  // of the innermost ones
  bool check_calls = false;                      // while a guess is being proven: every call must fit its callee
  bool is_contradicted = false;                  // one did not
  uintptr_t first_without_tables = 0;            // pc of the first frame that was left by its frame pointer
  std::string note;
};

// What speaks for a value of rbp besides the call that it leads to.
struct CallerEvidence {
  CallMatch call = CallMatch::possible;  // with what its pointer holds, if it is one through a pointer
  Support stores = Support::none;        // in the frame itself
  Support registers = Support::none;     // of its caller
};

// A call as it was made.
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

  // Starts the unwind of `snapshot`: all its walks together make a bounded number of steps and take no more than `timeout`.
  void begin(const Snapshot& snapshot, std::chrono::nanoseconds timeout);

  // Asked at every step.
  bool is_out_of_time();

  // Goes on from the walk's registers to where the stack ends.
  End climb(Walk& walk);

  // Whether a frame is one to which functions return that nobody called by a call instruction: the kernel pushed a signal's
  // trampoline, makecontext a context's end.
  bool needs_no_call(RegisterSet frame);

  // Where the rbp of a frame may point that was not captured, as far as the frame's code tells: exactly, where it moves its
  // stack pointer by constants only.
  Distance where_frame_pointer(const RegisterSet& frame);

  // How far above its rbp a frame ends, by its unwind tables, whatever rbp is; nothing if they do not say so. 16 in compiled
  // code; libffi's ffi_call_unix64 has its return address 24 bytes above.
  std::optional<uintptr_t> distance_to_frame_end(RegisterSet frame);

  // What else speaks for the caller that a frame has if its rbp is right.
  CallerEvidence caller_evidence(const RegisterSet& frame);

  // How many of the calls through pointers from a frame outwards lead elsewhere by now; see CallMatch.
  unsigned calls_elsewhere(RegisterSet frame);

  // "0x7f.. (libfoo.so)" for a note.
  std::string place(uintptr_t pc) const;

  // Drops what is cached of the unwind tables.
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
