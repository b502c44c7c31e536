// One step up a stack where no unwind tables describe the code: along the code to its return, otherwise by the frame
// pointer, otherwise from the top of the stack.
// Cold context only; one thread at a time. Registers are unchanged unless the outcome is to_caller.
#pragma once

#include <cstdint>
#include <optional>
#include <utility>

#include "symbolizer/unwind/code.h"
#include "symbolizer/unwind/frame_step.h"
#include "symbolizer/unwind/memory.h"
#include "symbolizer/unwind/modules.h"

namespace holdwatch {

// The registers that a function must preserve, and the stack pointer.
inline constexpr std::pair<Register, EncodedRegister> kPreservedRegisters[] = {
    {kRsp, EncodedRegister::rsp}, {kRbx, EncodedRegister::rbx}, {kRbp, EncodedRegister::rbp},
    {kR12, EncodedRegister::r12}, {kR13, EncodedRegister::r13}, {kR14, EncodedRegister::r14},
    {kR15, EncodedRegister::r15}};

// The registers for arguments, and r10, which contains the fourth argument of a system call.
inline constexpr std::pair<Register, EncodedRegister> kArgumentPairs[] = {
    {kRdi, EncodedRegister::rdi}, {kRsi, EncodedRegister::rsi}, {kRdx, EncodedRegister::rdx},
    {kRcx, EncodedRegister::rcx}, {kR8, EncodedRegister::r8},   {kR9, EncodedRegister::r9},
    {kR10, EncodedRegister::r10}};

class TablelessStepper {
 public:
  // All must outlive the stepper.
  TablelessStepper(const Modules& modules, Code& code, MemoryReader& stack)
      : modules_(modules), code_(code), stack_(stack) {}

  // From code that no table describes. Returns `end` in the start code of a program, unknown_register if rbp is needed.
  StepResult step(RegisterSet& caller);

  // From an address that is not code at all.
  StepResult step_from_bad_address(RegisterSet& caller);

 private:
  StepResult step_along_code(RegisterSet& caller);
  StepResult step_by_frame_pointer(RegisterSet& caller);
  StepResult return_to(RegisterSet& caller, uintptr_t slot, std::optional<uintptr_t> frame_pointer);
  std::optional<uintptr_t> resolve(const FlowValue& value, const RegisterSet& frame);
  std::optional<RegisterSet> after_return(const FlowState& state, const RegisterSet& frame);

  const Modules& modules_;
  Code& code_;
  MemoryReader& stack_;
};

}  // namespace holdwatch
