// One step up a stack where no unwind tables describe the code. See tableless_step.h.
// Cold context only.
#include "symbolizer/unwind/tableless_step.h"

#include <vector>

namespace holdwatch {

namespace {

constexpr uintptr_t kEntryCodeSize = 128;  // hand-written start code of a program or of the loader

std::optional<Register> from_encoded(int number) {
  for (const auto& [which, encoded] : kPreservedRegisters) {
    if (static_cast<int>(encoded) == number) return which;
  }
  return std::nullopt;
}

}  // namespace

// The caller at the return address in `slot`, if there is a call before that address. Of its registers only rbp may be
// known.
StepResult TablelessStepper::return_to(RegisterSet& caller, uintptr_t slot, std::optional<uintptr_t> frame_pointer) {
  StepResult result;
  const auto return_address = stack_.read_value<uintptr_t>(slot);
  if (!return_address || !code_.follows_call(*return_address)) return result;
  caller = RegisterSet{};
  caller.set(kRip, *return_address);
  caller.set(kRsp, slot + sizeof(uintptr_t));
  if (frame_pointer) caller.set(kRbp, *frame_pointer);
  result.outcome = Stepped::to_caller;
  result.cfa = caller[kRsp];
  return result;
}

// After a call or jump through a wild pointer, the return address of the call is still on top of the stack.
StepResult TablelessStepper::step_from_bad_address(RegisterSet& caller) {
  const RegisterSet here = caller;
  return return_to(caller, here[kRsp], here.knows(kRbp) ? std::optional(here[kRbp]) : std::nullopt);
}

// The run-time address of a value that was followed from the frame on, if the register that it is derived from is
// known.
std::optional<uintptr_t> TablelessStepper::resolve(const FlowValue& value, const RegisterSet& frame) {
  const std::optional<Register> base = from_encoded(value.base);
  if (!base || !frame.knows(*base)) return std::nullopt;
  const uintptr_t address = frame[*base] + static_cast<uintptr_t>(value.offset);
  return value.is_loaded ? stack_.read_value<uintptr_t>(address) : std::optional(address);
}

// The caller's registers after the frame's function has returned, as restored by the code ahead of it.
std::optional<RegisterSet> TablelessStepper::after_return(const FlowState& state, const RegisterSet& frame) {
  const std::optional<uintptr_t> slot = resolve(state[EncodedRegister::rsp], frame);
  const auto return_address = slot ? stack_.read_value<uintptr_t>(*slot) : std::nullopt;
  if (!return_address || *slot < frame[kRsp] || !code_.follows_call(*return_address)) return std::nullopt;
  RegisterSet caller;
  caller.set(kRip, *return_address);
  caller.set(kRsp, *slot + sizeof(uintptr_t));
  for (const auto& [which, encoded] : kPreservedRegisters) {
    const std::optional<uintptr_t> value = which == kRsp ? std::nullopt : resolve(state[encoded], frame);
    if (value) caller.set(which, *value);
  }
  return caller;
}

// Code that no table describes is followed until it returns. All its exits must lead to one place.
StepResult TablelessStepper::step_along_code(RegisterSet& caller) {
  StepResult result;
  const RegisterSet frame = caller;
  CodeFlow& flow = code_.flow();
  flow.watch(0, false);
  flow.follow_to_return(frame[kRip]);
  result.outcome = flow.returns().empty() ? Stepped::no_procedure : Stepped::unreadable;
  const std::vector<FlowState> returns = flow.returns();
  std::optional<RegisterSet> found;
  for (const FlowState& state : returns) {
    if (state[EncodedRegister::rsp].base == static_cast<int>(EncodedRegister::rbp) && !frame.knows(kRbp)) {
      result.outcome = Stepped::unknown_register;
      result.needed_register = kRbp;
      continue;
    }
    const std::optional<RegisterSet> one = after_return(state, frame);
    if (!one) continue;
    if (found && (*found)[kRsp] != (*one)[kRsp]) return result;
    found = one;
  }
  if (!found) return result;
  caller = *found;
  result.outcome = Stepped::to_caller;
  result.cfa = caller[kRsp];
  return result;
}

// Code that no table describes and that cannot be followed to its end: by the frame pointer, which compilers for such
// code mostly keep, unless the function is just building or has removed its frame, which an exact address shows.
StepResult TablelessStepper::step_by_frame_pointer(RegisterSet& caller) {
  StepResult result;
  if (!caller.knows(kRbp)) {
    result.outcome = Stepped::unknown_register;
    result.needed_register = kRbp;
    return result;
  }
  const uintptr_t pc = caller[kRip];
  const uintptr_t sp = caller[kRsp];
  const uintptr_t bp = caller[kRbp];
  if (caller.ip_is_exact) {
    const auto next = stack_.read_constant_value<uint32_t>(pc).value_or(0);
    const uintptr_t skipped = next == 0xfa1e0ff3 ? 4 : 0;  // endbr64
    const auto opcode = stack_.read_constant_value<uint8_t>(pc + skipped);
    if (opcode && (*opcode == 0x55 || *opcode == 0xc3)) return return_to(caller, sp, bp);  // push %rbp; ret
    if ((next & 0xffffff) == 0xe58948) {                                                   // mov %rsp,%rbp
      return return_to(caller, sp + 8, stack_.read_value<uintptr_t>(sp));
    }
  }
  const auto saved = stack_.read_value<uintptr_t>(bp);
  if (bp < sp || bp % sizeof(uintptr_t) != 0 || !saved) return result;
  return return_to(caller, bp + 8, *saved);
}

StepResult TablelessStepper::step(RegisterSet& caller) {
  const uintptr_t pc = caller[kRip];
  const Module* module = modules_.find(pc);
  if (module != nullptr && module->entry != 0 && pc - module->entry < kEntryCodeSize) {
    StepResult result;
    result.outcome = Stepped::end;
    return result;
  }
  const StepResult result = step_along_code(caller);
  return result.outcome == Stepped::no_procedure ? step_by_frame_pointer(caller) : result;
}

}  // namespace holdwatch
