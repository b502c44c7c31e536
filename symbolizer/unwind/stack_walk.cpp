// Steps up a stack and judges each step. See stack_walk.h.
// Cold context only.
#include "symbolizer/unwind/stack_walk.h"

#include <algorithm>
#include <cinttypes>
#include <cstdio>
#include <utility>

namespace holdwatch {

namespace {

constexpr size_t kMaxWalked = 65536;       // frames of one stack; beyond, the stack is given up as too deep
constexpr unsigned kMaxSteps = 100000;     // of one unwind, with all that a search tries
constexpr unsigned kStepsPerLook = 16;     // one may take a millisecond if its tables are hostile
constexpr uintptr_t kEntryCodeSize = 128;  // hand-written start code of a program or of the loader

// What a function hands back as it found it, and the stack pointer.
constexpr std::pair<Register, Encoded> kPreserved[] = {{kRsp, Encoded::rsp}, {kRbx, Encoded::rbx}, {kRbp, Encoded::rbp},
                                                       {kR12, Encoded::r12}, {kR13, Encoded::r13}, {kR14, Encoded::r14},
                                                       {kR15, Encoded::r15}};

std::optional<Register> from_encoded(int number) {
  for (const auto& [which, encoded] : kPreserved) {
    if (static_cast<int>(encoded) == number) return which;
  }
  return std::nullopt;
}

std::string hex(uintptr_t value) {
  char text[24];
  std::snprintf(text, sizeof text, "0x%" PRIxPTR, value);
  return text;
}

}  // namespace

void StackWalker::begin(const Snapshot& snapshot, std::chrono::nanoseconds patience) {
  stack_.begin(snapshot);
  steps_left_ = kMaxSteps;
  asked_ = 0;
  end_ = std::chrono::steady_clock::now() + patience;
}

bool StackWalker::is_out_of_time() {
  if (steps_left_ != 0 && ++asked_ % kStepsPerLook == 0 && std::chrono::steady_clock::now() >= end_) steps_left_ = 0;
  return steps_left_ == 0;
}

std::string StackWalker::place(uintptr_t pc) const {
  const Module* module = modules_.find(pc);
  if (module == nullptr) return hex(pc) + " (no module)";
  const bool is_mapped = modules_.mapping(pc) != nullptr;
  return hex(pc) + " (" + module->path.substr(module->path.rfind('/') + 1) + (is_mapped ? ")" : ", since unloaded)");
}

// The caller by a return address at `slot`, if a call stands before it. Of its registers only rbp may be known then.
StepResult StackWalker::return_to(RegisterSet& caller, uintptr_t slot, std::optional<uintptr_t> frame_pointer) {
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

// A call or jump through a wild pointer: the return address of the call is still on top of the stack.
StepResult StackWalker::step_from_bad_address(RegisterSet& caller) {
  const RegisterSet here = caller;
  return return_to(caller, here[kRsp], here.knows(kRbp) ? std::optional(here[kRbp]) : std::nullopt);
}

// Where a value lies that was followed from the frame on, if the register is known from which it was followed.
std::optional<uintptr_t> StackWalker::resolve(const FlowValue& value, const RegisterSet& frame) {
  const std::optional<Register> base = from_encoded(value.base);
  if (!base || !frame.knows(*base)) return std::nullopt;
  const uintptr_t address = frame[*base] + static_cast<uintptr_t>(value.offset);
  return value.is_loaded ? stack_.read_value<uintptr_t>(address) : std::optional(address);
}

// The caller's registers when the frame's function has returned, as the code ahead of it restores them.
std::optional<RegisterSet> StackWalker::after_return(const FlowState& state, const RegisterSet& frame) {
  const std::optional<uintptr_t> slot = resolve(state[Encoded::rsp], frame);
  const auto return_address = slot ? stack_.read_value<uintptr_t>(*slot) : std::nullopt;
  if (!return_address || *slot < frame[kRsp] || !code_.follows_call(*return_address)) return std::nullopt;
  RegisterSet caller;
  caller.set(kRip, *return_address);
  caller.set(kRsp, *slot + sizeof(uintptr_t));
  for (const auto& [which, encoded] : kPreserved) {
    const std::optional<uintptr_t> value = which == kRsp ? std::nullopt : resolve(state[encoded], frame);
    if (value) caller.set(which, *value);
  }
  return caller;
}

// Code that no table describes: it is followed to where it returns. All its ways out must lead to one place.
StepResult StackWalker::step_along_code(RegisterSet& caller) {
  StepResult result;
  const RegisterSet frame = caller;
  CodeFlow& flow = code_.flow();
  flow.watch(0, false);
  flow.follow_to_return(frame[kRip]);
  result.outcome = flow.returns().empty() ? Stepped::no_procedure : Stepped::unreadable;
  const std::vector<FlowState> returns = flow.returns();
  std::optional<RegisterSet> found;
  for (const FlowState& state : returns) {
    if (state[Encoded::rsp].base == static_cast<int>(Encoded::rbp) && !frame.knows(kRbp)) {
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

// Code that no table describes and that cannot be followed to its end: by the frame pointer, which compilers for such code
// mostly keep, unless the function is just setting up or has taken down its frame, which an exact address shows.
StepResult StackWalker::step_by_frame_pointer(RegisterSet& caller) {
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

StepResult StackWalker::step_without_tables(Walk& walk, RegisterSet& caller) {
  const uintptr_t pc = caller[kRip];
  const Module* module = modules_.find(pc);
  if (module != nullptr && module->entry != 0 && pc - module->entry < kEntryCodeSize) {
    StepResult result;
    result.outcome = Stepped::end;
    return result;
  }
  StepResult result = step_along_code(caller);
  if (result.outcome == Stepped::no_procedure) result = step_by_frame_pointer(caller);
  if (walk.first_without_tables == 0 && result.outcome != Stepped::unknown_register) walk.first_without_tables = pc;
  return result;
}

StepResult StackWalker::step(Walk& walk, RegisterSet& caller) {
  if (!code_.is_code(caller.lookup_pc())) return step_from_bad_address(caller);
  StepResult result = stepper_.step(caller, stack_);
  if (result.outcome == Stepped::unknown_register && result.needed_register == kRbp && deduce_frame_pointer(caller)) {
    result = stepper_.step(caller, stack_);
  }
  return result.outcome == Stepped::no_procedure ? step_without_tables(walk, caller) : result;
}

// Whether a function begins at `pc`, rather than a part of one that jumps lead to: its frame is still to be made.
bool StackWalker::is_entry(uintptr_t pc, uintptr_t sp) {
  RegisterSet frame;
  frame.set(kRip, pc);
  frame.set(kRsp, sp);
  frame.ip_is_exact = true;
  const StepResult stepped = stepper_.step(frame, stack_);
  return stepped.cfa == sp + sizeof(uintptr_t);
}

// Where the function begins to which the tables' procedure belongs: rarely used parts are kept elsewhere, and most of them
// jump back.
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
  const FlowValue& wanted = state[Encoded::rbp];
  // Other registers that functions further in have saved may stand at a known distance too.
  Distance best = anywhere;
  for (const auto& [which, encoded] : kPreserved) {
    const std::optional<Distance> distance = frame.knows(which) ? flow.distance(state[encoded], wanted) : std::nullopt;
    if (!distance) continue;
    const uintptr_t lift = frame[which] - frame[kRsp];
    if (which != kRsp && distance->least != distance->most) continue;
    best = {distance->least + lift, distance->most == UINT64_MAX ? UINT64_MAX : distance->most + lift};
    if (best.least == best.most) break;
  }
  return best;
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

bool StackWalker::needs_no_call(RegisterSet frame) {
  const StepResult stepped = stepper_.step(frame, stack_);
  return stepped.was_signal_frame || stepped.outcome == Stepped::end;
}

// Whether `caller` can be the caller of the last frame. A stack grows down: each caller's stack pointer is higher, but
// for the thread that a signal interrupted while it was on another stack.
bool StackWalker::accept(Walk& walk, const RegisterSet& caller, const StepResult& stepped) {
  const RegisterSet& here = walk.registers;
  if (!stepped.was_signal_frame && caller[kRsp] <= here[kRsp]) {
    walk.note = "the stack does not ascend beyond " + place(here[kRip]);
    return false;
  }
  if (!code_.is_code(caller.lookup_pc()) && !stepped.was_signal_frame) {
    walk.note = "the return address of " + place(here[kRip]) + " is " + place(caller[kRip]) + ", which is no code";
    return false;
  }
  if (!walk.check_calls || stepped.was_signal_frame) return true;
  if (code_.match_call(caller[kRip], here[kRip], here.ip_is_exact) != CallMatch::contradicted) return true;
  walk.is_contradicted = code_.follows_call(caller[kRip]) || !needs_no_call(caller);
  return !walk.is_contradicted;
}

std::string StackWalker::why_stopped(const Walk& walk, const StepResult& stepped) const {
  static constexpr const char* kNames[] = {"rax", "rdx", "rcx", "rbx", "rsi", "rdi", "rbp", "rsp", "r8",
                                           "r9",  "r10", "r11", "r12", "r13", "r14", "r15", "rip"};
  const std::string here = place(walk.registers[kRip]);
  if (walk.first_without_tables == walk.registers[kRip]) return "no unwind information for " + here;
  if (!code_.is_code(walk.registers.lookup_pc())) return here + " is no code";
  if (stepped.outcome == Stepped::unknown_register) {
    return std::string("the caller of ") + here + " depends on " + kNames[stepped.needed_register] +
           ", which is not known";
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
    RegisterSet caller = walk.registers;
    const StepResult stepped = step(walk, caller);
    RawFrame& frame = walk.frames.back();
    // Where a frame ends that nobody called counts for nothing else than the frame, and so has not been looked at yet.
    frame.cfa = stepped.cfa > walk.registers[kRsp] || stepped.was_signal_frame ? stepped.cfa : 0;
    // The return address of a signal handler is the first instruction of the trampoline, not the one after a call.
    if (stepped.was_signal_frame) frame.pc_is_exact = true;
    if (stepped.outcome == Stepped::end) return End::thread_start;
    if (stepped.outcome == Stepped::unknown_register && stepped.needed_register == kRbp) {
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
    walk.registers = caller;
  }
}

}  // namespace holdwatch
