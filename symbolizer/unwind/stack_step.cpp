// See stack_step.h.
// Cold context only.
#include "symbolizer/unwind/stack_step.h"

#include <set>

#include "shim/common/contract/lock_call_note.h"

namespace holdwatch {

StepResult StackStepper::step(Walk& walk, RegisterSet& caller) {
  if (!code_.is_code(caller.lookup_pc())) return tableless_.step_from_bad_address(caller);
  StepResult result = tables_.step(caller, stack_);
  if (result.outcome == Stepped::unknown_register && result.needed_register == kRbp) {
    learn_arguments(walk, caller);
    if (deduce_frame_pointer(caller)) result = tables_.step(caller, stack_);
  }
  if (result.outcome != Stepped::no_procedure) return result;
  const uintptr_t pc = caller[kRip];
  result = tableless_.step(caller);
  const bool is_left = result.outcome == Stepped::to_caller || result.outcome == Stepped::unreadable;
  if (walk.first_without_tables == 0 && is_left) walk.first_without_tables = pc;
  return result;
}

// Whether a function begins at `pc`, and not just a part of one that is reached by jumps: its frame does not exist yet.
bool StackStepper::is_entry(uintptr_t pc, uintptr_t sp) {
  RegisterSet frame;
  frame.set(kRip, pc);
  frame.set(kRsp, sp);
  frame.ip_is_exact = true;
  const StepResult stepped = tables_.step(frame, stack_);
  return stepped.cfa == sp + sizeof(uintptr_t);
}

uintptr_t StackStepper::entry_of(const Procedure& procedure, const RegisterSet& frame) {
  if (is_entry(procedure.start, frame[kRsp])) return procedure.start;
  code_.flow().watch(0, false);
  code_.flow().follow_function(procedure.start);
  const std::set<uintptr_t> exits = code_.flow().exits();
  for (const uintptr_t exit : exits) {
    const std::optional<Procedure> other = code_.procedure(exit);
    if (other && other->start != exit && is_entry(other->start, frame[kRsp])) return other->start;
  }
  return procedure.start;
}

Distance StackStepper::where_frame_pointer(const RegisterSet& frame) {
  const Distance anywhere{0, UINT64_MAX};
  const std::optional<Procedure> procedure = code_.procedure(frame.lookup_pc());
  if (!procedure) return anywhere;
  const uintptr_t entry = entry_of(*procedure, frame);
  CodeFlow& flow = code_.flow();
  flow.watch(frame[kRip], !frame.ip_is_exact);
  flow.follow_function(entry);
  if (!flow.watched()) return anywhere;
  const FlowState& state = *flow.watched();
  const FlowValue& wanted = state[EncodedRegister::rbp];
  // Other registers that inner functions have saved may also be at a known distance.
  Distance best = anywhere;
  const auto use = [&](Register which, EncodedRegister encoded) {
    const std::optional<Distance> distance = frame.knows(which) ? flow.distance(state[encoded], wanted) : std::nullopt;
    if (!distance || best.least == best.most) return;
    const uintptr_t lift = frame[which] - frame[kRsp];
    if (which != kRsp && distance->least != distance->most) return;
    best = {distance->least + lift, distance->most == UINT64_MAX ? UINT64_MAX : distance->most + lift};
  };
  for (const auto& [which, encoded] : kPreservedRegisters) use(which, encoded);
  for (const auto& [which, encoded] : kArgumentPairs) use(which, encoded);
  return best;
}

// Sets the caller's argument registers at the call from what the callee still has of its arguments, or passes on.
bool StackStepper::hand_arguments_out(const RegisterSet& callee, RegisterSet& caller) {
  const std::optional<Procedure> procedure = code_.procedure(callee.lookup_pc());
  if (!procedure || caller.ip_is_exact) return false;
  const uintptr_t entry = entry_of(*procedure, callee);
  if (code_.callee_entry(caller[kRip]) != entry) return false;
  CodeFlow& flow = code_.flow();
  flow.watch(callee[kRip], !callee.ip_is_exact);
  flow.follow_function(entry);
  if (!flow.watched()) return false;
  const FlowState& state = *flow.watched();
  const auto hand_out = [&](Register which, EncodedRegister encoded) {
    const FlowValue& value = state[encoded];
    if (!callee.knows(which) || !value.is_argument()) return;
    for (const auto& [argument, number] : kArgumentPairs) {
      if (value.base != static_cast<int>(number)) continue;
      caller.set(argument, callee[which] - static_cast<uintptr_t>(value.offset));
    }
  };
  for (const auto& [which, encoded] : kPreservedRegisters) hand_out(which, encoded);
  for (const auto& [which, encoded] : kArgumentPairs) hand_out(which, encoded);
  return true;
}

// The arguments of the thread's current system call are known. They are often addresses within the calling frame.
void StackStepper::learn_arguments(const Walk& walk, RegisterSet& frame) {
  constexpr size_t kMaxArgumentFrames = 16;  // through which an argument is followed
  if (walk.registers_of_frames.size() != walk.frames.size() || walk.frames.size() < 2) return;
  if (walk.frames.size() > kMaxArgumentFrames) return;
  RegisterSet callee = walk.registers_of_frames.front();
  for (size_t index = 1; index < walk.registers_of_frames.size(); ++index) {
    RegisterSet caller = walk.registers_of_frames[index];
    if (!hand_arguments_out(callee, caller)) return;
    callee = caller;
  }
  for (const auto& [which, encoded] : kArgumentPairs) {
    if (callee.knows(which)) frame.set(which, callee[which]);
  }
}

std::optional<uintptr_t> StackStepper::distance_to_frame_end(RegisterSet frame) {
  constexpr uintptr_t kMaxTried = 64;
  const uintptr_t sp = frame[kRsp];
  std::optional<uintptr_t> distance;
  for (const uintptr_t pointer : {sp, sp + sizeof(uintptr_t)}) {
    RegisterSet guess = frame;
    guess.set(kRbp, pointer);
    const uintptr_t cfa = tables_.step(guess, stack_).cfa;
    if (cfa <= pointer || cfa - pointer > kMaxTried || (distance && *distance != cfa - pointer)) return std::nullopt;
    distance = cfa - pointer;
  }
  return distance;
}

bool StackStepper::deduce_frame_pointer(RegisterSet& frame) {
  const Distance distance = where_frame_pointer(frame);
  if (distance.least != distance.most) return false;
  frame.set(kRbp, frame[kRsp] + distance.least);
  return true;
}

// In a watched process, a hook has noted its caller's rbp. The other words of the note show that it belongs to this
// very call.
void StackStepper::read_lock_call(const RegisterSet& hook, RegisterSet& caller) {
  const Module* module = modules_.find(hook.lookup_pc());
  if (module == nullptr || module->path.find("/libholdwatch.so") == std::string::npos) return;
  for (const Register which : {kRbx, kR12, kR13, kR14, kR15}) {
    if (!hook.knows(which)) continue;
    const auto note = stack_.read_value<LockCallNote>(hook[which] + kLockCallNoteAt);
    if (note && note->pc == caller[kRip] && note->sp == caller[kRsp]) return caller.set(kRbp, note->bp);
  }
}

bool StackStepper::needs_no_call(RegisterSet frame) {
  const StepResult stepped = tables_.step(frame, stack_);
  return stepped.was_signal_frame || stepped.outcome == Stepped::end;
}

}  // namespace holdwatch
