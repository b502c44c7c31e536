// See call_match.h.
// Cold context only.
#include "symbolizer/unwind/call_match.h"

#include <algorithm>

namespace holdwatch {

namespace {

constexpr int kMaxForwarded = 3;  // calls through which a pointer is followed until it is called

}  // namespace

// Whether the caller is where a thread begins, and the callee is in another module. libc's clone calls through a
// pointer, but that pointer is always libc's start_thread.
bool CallMatcher::starts_others(const RegisterSet& caller, const RegisterSet& callee) {
  RegisterSet frame = caller;
  return stepper_.step_by_tables(frame).outcome == Stepped::end &&
         modules_.find(caller[kRip]) != modules_.find(callee[kRip]);
}

// The call before the return address in `frame`, if its target is known. Arguments are followed outwards through up to
// `handed_on` calls.
std::optional<CallMatcher::Call> CallMatcher::call_of(const RegisterSet& frame, int handed_on) {
  const std::optional<Procedure> code = code_around(frame, handed_on);
  const std::optional<uintptr_t> direct = code_.callee_entry(frame[kRip]);
  if (!code) return direct ? std::optional(Call{*direct, {}}) : std::nullopt;
  const KnownRegisters registers = registers_at_call(frame, *code, handed_on);
  const std::optional<uintptr_t> target = direct ? direct : pointer_calls_.target(*code, frame, registers);
  return target ? std::optional(Call{*target, registers}) : std::nullopt;
}

// The call by which the function of `frame` was entered.
std::optional<CallMatcher::Call> CallMatcher::entering_call(const RegisterSet& frame, int handed_on) {
  if (handed_on == 0) return std::nullopt;
  RegisterSet caller = frame;
  const StepResult stepped = stepper_.step(caller);
  if (stepped.outcome != Stepped::to_caller || stepped.was_signal_frame) return std::nullopt;
  return call_of(caller, handed_on - 1);
}

// The procedure of a frame; without tables, the code between the target of its caller's call and the frame's address.
std::optional<Procedure> CallMatcher::code_around(const RegisterSet& frame, int handed_on) {
  if (const auto procedure = code_.procedure(frame.lookup_pc())) return procedure;
  const std::optional<Call> entered = entering_call(frame, handed_on);
  constexpr uintptr_t kMaxBetween = 4096;
  if (!entered || entered->target >= frame[kRip] || frame[kRip] - entered->target > kMaxBetween) return std::nullopt;
  return Procedure{entered->target, frame[kRip], 0};
}

KnownRegisters CallMatcher::registers_at_call(const RegisterSet& frame, const Procedure& code, int handed_on) {
  KnownRegisters at_start{};
  const uintptr_t start = pointer_calls_.followed_from(code, frame);
  const bool is_entry = start == code.start || (start != 0 && code.table_entry == 0);
  const std::optional<Call> entered = is_entry ? entering_call(frame, handed_on) : std::nullopt;
  if (entered) at_start = pointer_calls_.follow(entered->target, start, entered->registers).value_or(KnownRegisters{});
  return pointer_calls_.at_call(code, frame, at_start);
}

CallMatch CallMatcher::match(const RegisterSet& caller, const RegisterSet& callee) {
  const CallMatch match = code_.match_call(caller[kRip], callee[kRip], callee.ip_is_exact);
  if (match != CallMatch::possible) return match;
  const std::optional<Call> call = call_of(caller, kMaxForwarded);
  if (!call) return starts_others(caller, callee) ? CallMatch::elsewhere : match;
  const CallMatch through =
      std::min(code_.match_target(call->target, callee[kRip], callee.ip_is_exact), CallMatch::elsewhere);
  // The functions in between may themselves jump through pointers.
  const std::optional<Procedure> called =
      through == CallMatch::possible ? code_.procedure(callee.lookup_pc()) : std::nullopt;
  if (called && pointer_calls_.follow(call->target, stepper_.entry_of(*called, callee), call->registers))
    return CallMatch::proven;
  return through;
}

}  // namespace holdwatch
