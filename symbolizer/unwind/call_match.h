// Whether the call before a return address can have led to the callee: also for calls through pointers, which are followed
// with the registers of the frame, and with arguments that its callers have passed on.
// Cold context only; one thread at a time.
#pragma once

#include <optional>

#include "symbolizer/unwind/code.h"
#include "symbolizer/unwind/frame_step.h"
#include "symbolizer/unwind/modules.h"
#include "symbolizer/unwind/pointer_call.h"
#include "symbolizer/unwind/stack_step.h"

namespace holdwatch {

class CallMatcher {
 public:
  // All must outlive the matcher.
  CallMatcher(const Modules& modules, Code& code, StackMemory& stack, StackStepper& stepper)
      : modules_(modules), code_(code), stepper_(stepper), pointer_calls_(stack) {}

  CallMatch match(const RegisterSet& caller, const RegisterSet& callee);

  void forget() { pointer_calls_.forget(); }

 private:
  // A call with its target, and the registers at the call.
  struct Call {
    uintptr_t target;
    KnownRegisters registers;
  };

  std::optional<Call> call_of(const RegisterSet& frame, int handed_on);
  std::optional<Procedure> code_around(const RegisterSet& frame, int handed_on);
  std::optional<Call> entering_call(const RegisterSet& frame, int handed_on);
  KnownRegisters registers_at_call(const RegisterSet& frame, const Procedure& code, int handed_on);
  bool starts_others(const RegisterSet& caller, const RegisterSet& callee);

  const Modules& modules_;
  Code& code_;
  StackStepper& stepper_;
  PointerCalls pointer_calls_;
};

}  // namespace holdwatch
