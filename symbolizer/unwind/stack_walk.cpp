// Steps up a stack and judges each step. See stack_walk.h.
// Cold context only.
#include "symbolizer/unwind/stack_walk.h"

#include <algorithm>
#include <cinttypes>
#include <cstdio>

namespace holdwatch {

namespace {

constexpr size_t kMaxWalked = 65536;       // frames of one stack; beyond, the stack is given up as too deep
constexpr unsigned kMaxSteps = 100000;     // of one unwind, with all that a search tries
constexpr unsigned kStepsPerLook = 16;     // one may take a millisecond if its tables are hostile
constexpr uintptr_t kEntryCodeSize = 128;  // hand-written start code of a program or of the loader

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

// Code that no table describes: by the frame pointer, which compilers for such code mostly keep, unless the function is
// just setting up or has taken down its frame, which an exact address shows.
StepResult StackWalker::step_without_tables(Walk& walk, RegisterSet& caller) {
  StepResult result;
  const uintptr_t pc = caller[kRip];
  const Module* module = modules_.find(pc);
  if (module != nullptr && module->entry != 0 && pc - module->entry < kEntryCodeSize) {
    result.outcome = Stepped::end;
    return result;
  }
  if (!caller.knows(kRbp)) {
    result.outcome = Stepped::unknown_register;
    result.needed_register = kRbp;
    return result;
  }
  if (walk.first_without_tables == 0) walk.first_without_tables = pc;
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

StepResult StackWalker::step(Walk& walk, RegisterSet& caller) {
  if (!code_.is_code(caller.lookup_pc())) return step_from_bad_address(caller);
  StepResult result = stepper_.step(caller, stack_);
  return result.outcome == Stepped::no_procedure ? step_without_tables(walk, caller) : result;
}

// Where the return address of a function that nobody called by a call instruction leads: the kernel pushed a signal's
// trampoline, makecontext a context's end.
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
  const CallMatch match = code_.match_call(caller[kRip], here.lookup_pc());
  if (match == CallMatch::contradicted) return !code_.follows_call(caller[kRip]) && needs_no_call(caller);
  walk.worst_call = std::max(walk.worst_call, match);
  return true;
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
