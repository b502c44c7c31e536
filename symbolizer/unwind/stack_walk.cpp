// Steps up a stack and checks each step. See stack_walk.h.
// Cold context only.
#include "symbolizer/unwind/stack_walk.h"

#include <cinttypes>
#include <cstdio>

namespace holdwatch {

namespace {

constexpr size_t kMaxWalked = 65536;      // frames of one stack; a deeper one is not walked further
constexpr size_t kMaxDoubted = 256;       // frames whose calls are checked a second time
constexpr size_t kMaxRegisterSets = 128;  // of the innermost frames of one stack
constexpr unsigned kMaxSteps = 100000;    // of one unwind, with everything that a search tries

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

CallerEvidence StackWalker::caller_evidence(const RegisterSet& frame) {
  CallerEvidence evidence;
  if (const auto procedure = code_.procedure(frame.lookup_pc())) {
    evidence.stores = evidence_.of_stores(frame, stepper_.entry_of(*procedure, frame));
  }
  RegisterSet caller = frame;
  const StepResult stepped = stepper_.step(caller);
  if (stepped.outcome != Stepped::to_caller || stepped.was_signal_frame) return evidence;
  if (code_.follows_call(caller[kRip])) evidence.call = calls_.match(caller, frame);
  if (const auto procedure = code_.procedure(caller.lookup_pc())) {
    evidence.registers = evidence_.of_registers(caller, stepper_.entry_of(*procedure, caller));
  }
  return evidence;
}

unsigned StackWalker::calls_elsewhere(RegisterSet frame) {
  unsigned count = 0;
  for (size_t depth = 0; depth < kMaxDoubted && !is_out_of_time(); ++depth) {
    RegisterSet caller = frame;
    const StepResult stepped = stepper_.step(caller);
    if (stepped.outcome != Stepped::to_caller) break;
    const bool is_call = !stepped.was_signal_frame && code_.follows_call(caller[kRip]);
    if (is_call && calls_.match(caller, frame) == CallMatch::elsewhere) ++count;
    frame = caller;
  }
  return count;
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
    if (stepper_.needs_no_call(caller)) return true;
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
    if (walk.registers_of_frames.size() < kMaxRegisterSets) walk.registers_of_frames.push_back(walk.registers);
    RegisterSet caller = walk.registers;
    const StepResult stepped = stepper_.step(walk, caller);
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
    if (!caller.knows(kRbp)) stepper_.read_lock_call(walk.registers, caller);
    walk.registers = caller;
  }
}

}  // namespace holdwatch
