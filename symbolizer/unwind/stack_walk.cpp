// Steps up a stack and checks each step. See stack_walk.h.
// Cold context only.
#include "symbolizer/unwind/stack_walk.h"

#include <algorithm>
#include <cinttypes>
#include <cstdio>
#include <utility>

#include "shim/common/contract/lock_call_note.h"

namespace holdwatch {

namespace {

constexpr size_t kMaxWalked = 65536;       // frames of one stack; a deeper one is not walked further
constexpr int kMaxForwarded = 3;           // calls through which a pointer is followed until it is called
constexpr size_t kMaxDoubted = 256;        // frames whose calls are checked a second time
constexpr size_t kMaxArgumentFrames = 16;  // through which an argument is followed
constexpr unsigned kMaxSteps = 100000;     // of one unwind, with everything that a search tries

std::string hex(uintptr_t value) {
  char text[24];
  std::snprintf(text, sizeof text, "0x%" PRIxPTR, value);
  return text;
}

}  // namespace

void StackWalker::begin(const Snapshot& snapshot, std::chrono::nanoseconds timeout) {
  stack_.begin(snapshot);
  steps_left_ = kMaxSteps;
  end_ = std::chrono::steady_clock::now() + timeout;
}

bool StackWalker::is_out_of_time() {
  if (steps_left_ != 0 && std::chrono::steady_clock::now() >= end_) steps_left_ = 0;
  return steps_left_ == 0;
}

std::string StackWalker::place(uintptr_t pc) const {
  const Module* module = modules_.find(pc);
  if (module == nullptr) return hex(pc) + " (no module)";
  const bool is_mapped = modules_.mapping(pc) != nullptr;
  return hex(pc) + " (" + module->path.substr(module->path.rfind('/') + 1) + (is_mapped ? ")" : ", since unloaded)");
}

StepResult StackWalker::step(Walk& walk, RegisterSet& caller) {
  if (!code_.is_code(caller.lookup_pc())) return tableless_.step_from_bad_address(caller);
  StepResult result = stepper_.step(caller, stack_);
  if (result.outcome == Stepped::unknown_register && result.needed_register == kRbp) {
    learn_arguments(walk, caller);
    if (deduce_frame_pointer(caller)) result = stepper_.step(caller, stack_);
  }
  if (result.outcome != Stepped::no_procedure) return result;
  const uintptr_t pc = caller[kRip];
  result = tableless_.step(caller);
  const bool is_left = result.outcome == Stepped::to_caller || result.outcome == Stepped::unreadable;
  if (walk.first_without_tables == 0 && is_left) walk.first_without_tables = pc;
  return result;
}

// Whether a function begins at `pc`, and not just a part of one that is reached by jumps: its frame does not exist yet.
bool StackWalker::is_entry(uintptr_t pc, uintptr_t sp) {
  RegisterSet frame;
  frame.set(kRip, pc);
  frame.set(kRsp, sp);
  frame.ip_is_exact = true;
  const StepResult stepped = stepper_.step(frame, stack_);
  return stepped.cfa == sp + sizeof(uintptr_t);
}

// The start of the function to which the tables' procedure belongs: rarely used parts are placed elsewhere, and most of
// them jump back.
uintptr_t StackWalker::entry_of(const Procedure& procedure, const RegisterSet& frame) {
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

Distance StackWalker::where_frame_pointer(const RegisterSet& frame) {
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
bool StackWalker::hand_arguments_out(const RegisterSet& callee, RegisterSet& caller) {
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
void StackWalker::learn_arguments(const Walk& walk, RegisterSet& frame) {
  if (walk.registers_of_frames.size() != walk.frames.size() || walk.frames.size() < 2) return;
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

std::optional<uintptr_t> StackWalker::distance_to_frame_end(RegisterSet frame) {
  constexpr uintptr_t kMaxTried = 64;
  const uintptr_t sp = frame[kRsp];
  std::optional<uintptr_t> distance;
  for (const uintptr_t pointer : {sp, sp + sizeof(uintptr_t)}) {
    RegisterSet guess = frame;
    guess.set(kRbp, pointer);
    const uintptr_t cfa = stepper_.step(guess, stack_).cfa;
    if (cfa <= pointer || cfa - pointer > kMaxTried || (distance && *distance != cfa - pointer)) return std::nullopt;
    distance = cfa - pointer;
  }
  return distance;
}

CallerEvidence StackWalker::caller_evidence(const RegisterSet& frame) {
  CallerEvidence evidence;
  if (const auto procedure = code_.procedure(frame.lookup_pc())) {
    evidence.stores = evidence_.of_stores(frame, entry_of(*procedure, frame));
  }
  RegisterSet caller = frame;
  Walk unused;
  const StepResult stepped = step(unused, caller);
  if (stepped.outcome != Stepped::to_caller || stepped.was_signal_frame) return evidence;
  if (code_.follows_call(caller[kRip])) evidence.call = match_call(caller, frame);
  if (const auto procedure = code_.procedure(caller.lookup_pc())) {
    evidence.registers = evidence_.of_registers(caller, entry_of(*procedure, caller));
  }
  return evidence;
}

bool StackWalker::deduce_frame_pointer(RegisterSet& frame) {
  const Distance distance = where_frame_pointer(frame);
  if (distance.least != distance.most) return false;
  frame.set(kRbp, frame[kRsp] + distance.least);
  return true;
}

// In a watched process, a hook has noted its caller's rbp. The other words of the note show that it belongs to this
// very call.
void StackWalker::read_lock_call(const RegisterSet& hook, RegisterSet& caller) {
  const Module* module = modules_.find(hook.lookup_pc());
  if (module == nullptr || module->path.find("/libholdwatch.so") == std::string::npos) return;
  for (const Register which : {kRbx, kR12, kR13, kR14, kR15}) {
    if (!hook.knows(which)) continue;
    const auto note = stack_.read_value<LockCallNote>(hook[which] + kLockCallNoteAt);
    if (note && note->pc == caller[kRip] && note->sp == caller[kRsp]) return caller.set(kRbp, note->bp);
  }
}

// Whether the caller is where a thread begins, and the callee is in another module. libc's clone calls through a
// pointer, but that pointer is always libc's start_thread.
bool StackWalker::starts_others(const RegisterSet& caller, const RegisterSet& callee) {
  RegisterSet frame = caller;
  return stepper_.step(frame, stack_).outcome == Stepped::end &&
         modules_.find(caller[kRip]) != modules_.find(callee[kRip]);
}

// The call before the return address in `frame`, if its target is known. Arguments are followed outwards through up to
// `handed_on` calls.
std::optional<Call> StackWalker::call_of(const RegisterSet& frame, int handed_on) {
  const std::optional<Procedure> code = code_around(frame, handed_on);
  const std::optional<uintptr_t> direct = code_.callee_entry(frame[kRip]);
  if (!code) return direct ? std::optional(Call{*direct, {}}) : std::nullopt;
  const KnownRegisters registers = registers_at_call(frame, *code, handed_on);
  const std::optional<uintptr_t> target = direct ? direct : pointer_calls_.target(*code, frame, registers);
  return target ? std::optional(Call{*target, registers}) : std::nullopt;
}

// The call by which the function of `frame` was entered.
std::optional<Call> StackWalker::entering_call(const RegisterSet& frame, int handed_on) {
  if (handed_on == 0) return std::nullopt;
  RegisterSet caller = frame;
  Walk unused;
  const StepResult stepped = step(unused, caller);
  if (stepped.outcome != Stepped::to_caller || stepped.was_signal_frame) return std::nullopt;
  return call_of(caller, handed_on - 1);
}

// The procedure of a frame; without tables, the code between the target of its caller's call and the frame's address.
std::optional<Procedure> StackWalker::code_around(const RegisterSet& frame, int handed_on) {
  if (const auto procedure = code_.procedure(frame.lookup_pc())) return procedure;
  const std::optional<Call> entered = entering_call(frame, handed_on);
  constexpr uintptr_t kMaxBetween = 4096;
  if (!entered || entered->target >= frame[kRip] || frame[kRip] - entered->target > kMaxBetween) return std::nullopt;
  return Procedure{entered->target, frame[kRip], 0};
}

KnownRegisters StackWalker::registers_at_call(const RegisterSet& frame, const Procedure& code, int handed_on) {
  KnownRegisters at_start{};
  const uintptr_t start = pointer_calls_.followed_from(code, frame);
  const bool is_entry = start == code.start || (start != 0 && code.table_entry == 0);
  const std::optional<Call> entered = is_entry ? entering_call(frame, handed_on) : std::nullopt;
  if (entered) at_start = pointer_calls_.follow(entered->target, start, entered->registers).value_or(KnownRegisters{});
  return pointer_calls_.at_call(code, frame, at_start);
}

// Whether the call before the caller's return address can have led to the callee.
CallMatch StackWalker::match_call(const RegisterSet& caller, const RegisterSet& callee) {
  const CallMatch match = code_.match_call(caller[kRip], callee[kRip], callee.ip_is_exact);
  if (match != CallMatch::possible) return match;
  const std::optional<Call> call = call_of(caller, kMaxForwarded);
  if (!call) return starts_others(caller, callee) ? CallMatch::elsewhere : match;
  const CallMatch through =
      std::min(code_.match_target(call->target, callee[kRip], callee.ip_is_exact), CallMatch::elsewhere);
  // The functions in between may themselves jump through pointers.
  const std::optional<Procedure> called =
      through == CallMatch::possible ? code_.procedure(callee.lookup_pc()) : std::nullopt;
  if (called && pointer_calls_.follow(call->target, entry_of(*called, callee), call->registers))
    return CallMatch::proven;
  return through;
}

unsigned StackWalker::calls_elsewhere(RegisterSet frame) {
  unsigned count = 0;
  for (size_t depth = 0; depth < kMaxDoubted && !is_out_of_time(); ++depth) {
    RegisterSet caller = frame;
    Walk unused;
    const StepResult stepped = step(unused, caller);
    if (stepped.outcome != Stepped::to_caller) break;
    const bool is_call = !stepped.was_signal_frame && code_.follows_call(caller[kRip]);
    if (is_call && match_call(caller, frame) == CallMatch::elsewhere) ++count;
    frame = caller;
  }
  return count;
}

bool StackWalker::needs_no_call(RegisterSet frame) {
  const StepResult stepped = stepper_.step(frame, stack_);
  return stepped.was_signal_frame || stepped.outcome == Stepped::end;
}

// Whether `caller` can be the caller of the last frame. A stack grows down: each caller's stack pointer is higher,
// except after a signal that interrupted the thread on another stack.
bool StackWalker::accept(Walk& walk, const RegisterSet& caller, const StepResult& stepped) {
  const RegisterSet& here = walk.registers;
  if (!stepped.was_signal_frame && caller[kRsp] <= here[kRsp]) {
    walk.note = "the stack does not ascend beyond " + place(here[kRip]);
    return false;
  }
  if (!code_.is_code(caller.lookup_pc()) && !stepped.was_signal_frame) {
    walk.note = "the return address of " + place(here[kRip]) + " is " + place(caller[kRip]) + ", which is not code";
    return false;
  }
  if (stepped.was_signal_frame) return true;
  if (!code_.follows_call(caller[kRip])) {
    if (needs_no_call(caller)) return true;
    walk.note =
        "the return address of " + place(here[kRip]) + " is " + place(caller[kRip]) + ", which does not follow a call";
    walk.is_contradicted = true;
    return false;
  }
  // The call's target is checked only if something has to be proven: if nothing was guessed, the tables are trusted.
  walk.is_contradicted =
      walk.check_calls && code_.match_call(caller[kRip], here[kRip], here.ip_is_exact) == CallMatch::contradicted;
  return !walk.is_contradicted;
}

std::string StackWalker::why_stopped(const Walk& walk, const StepResult& stepped) const {
  static constexpr const char* kNames[] = {"rax", "rdx", "rcx", "rbx", "rsi", "rdi", "rbp", "rsp", "r8",
                                           "r9",  "r10", "r11", "r12", "r13", "r14", "r15", "rip"};
  const std::string here = place(walk.registers[kRip]);
  if (walk.first_without_tables == walk.registers[kRip]) return "no unwind information for " + here;
  if (!code_.is_code(walk.registers.lookup_pc())) return here + " is not code";
  if (stepped.outcome == Stepped::unknown_register) {
    return std::string("the caller of ") + here + " depends on " + kNames[stepped.needed_register] +
           ", which is unknown";
  }
  return "the stack or the unwind tables of " + here + " cannot be read";
}

End StackWalker::climb(Walk& walk) {
  for (;;) {
    if (walk.frames.size() == kMaxWalked || is_out_of_time()) {
      walk.note =
          "the stack is deeper than " + std::to_string(walk.frames.size()) + " frames, or takes too long to unwind";
      return End::broken;
    }
    --steps_left_;
    walk.frames.push_back(RawFrame{walk.registers[kRip], 0, walk.registers.ip_is_exact});
    if (walk.registers_of_frames.size() < kMaxArgumentFrames) walk.registers_of_frames.push_back(walk.registers);
    RegisterSet caller = walk.registers;
    const StepResult stepped = step(walk, caller);
    RawFrame& frame = walk.frames.back();
    // The end of a frame that has no caller is used only in the frame itself, and so was not checked yet.
    frame.cfa = stepped.cfa > walk.registers[kRsp] || stepped.was_signal_frame ? stepped.cfa : 0;
    // The return address of a signal handler is the first instruction of the trampoline, not one after a call.
    if (stepped.was_signal_frame) frame.pc_is_exact = true;
    if (stepped.outcome == Stepped::end) return End::thread_start;
    if (stepped.outcome == Stepped::unknown_register && stepped.needed_register == kRbp) {
      walk.registers = caller;  // with what was found out about it
      return End::frame_pointer_unknown;
    }
    if (stepped.outcome != Stepped::to_caller) {
      walk.note = why_stopped(walk, stepped);
      return End::broken;
    }
    if (!accept(walk, caller, stepped)) {
      frame.cfa = 0;
      return End::broken;
    }
    if (!caller.knows(kRbp)) read_lock_call(walk.registers, caller);
    walk.registers = caller;
  }
}

}  // namespace holdwatch
