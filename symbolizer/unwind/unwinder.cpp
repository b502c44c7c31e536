// Walks a stack: steps by the unwind tables, by the frame pointer where there are none, and a proven guess where the
// frame pointer was not captured.
// Cold context only.
#include "symbolizer/unwind/unwinder.h"

#include <algorithm>
#include <cinttypes>
#include <cstdio>
#include <exception>
#include <string>
#include <vector>

#include "symbolizer/unwind/code.h"
#include "symbolizer/unwind/frame_step.h"
#include "symbolizer/unwind/stack_memory.h"

namespace holdwatch {

namespace {

constexpr size_t kMaxWalked = 65536;    // frames of one stack; beyond, the stack is given up as too deep
constexpr unsigned kMaxSteps = 100000;  // of one unwind, with all that a search tries
constexpr uintptr_t kMaxSearched = uintptr_t{1} << 20;  // bytes of stack
constexpr size_t kMaxGuesses = 32;                      // that lead to the thread's start
constexpr uintptr_t kStackAlignment = 16;          // of rbp in a function that pushes it (System V ABI, section 3.2.2)
constexpr uintptr_t kEntryCodeSize = 128;          // hand-written start code of a program or of the loader
constexpr size_t kKeptInnermost = kMaxFrames / 2;  // of a stack that is deeper than kMaxFrames

enum class End : uint8_t {
  thread_start,
  frame_pointer_unknown,  // the last frame's caller is found by rbp, which is not known
  broken                  // the note says why
};

// A walk up a stack: the frames so far, and the registers of the one to come.
struct Walk {
  RegisterSet registers;
  std::vector<RawFrame> frames;
  bool check_calls = false;  // while a guess is being proven: every call must fit its callee
  CallMatch worst_call = CallMatch::proven;
  uintptr_t first_without_tables = 0;  // pc of the first frame that was left by its frame pointer
  std::string note;
};

// What a walk would be if rbp had a certain value, and how well that fits.
struct Guess {
  uintptr_t frame_pointer;
  CallMatch rank;
  Walk walk;

  // Whether a frame of the walk ends where one with its saved rbp at `slot` would.
  bool has_frame(uintptr_t slot) const {
    return std::any_of(walk.frames.begin(), walk.frames.end(),
                       [slot](const RawFrame& frame) { return frame.cfa == slot + 2 * sizeof(uintptr_t); });
  }
};

std::string hex(uintptr_t value) {
  char text[24];
  std::snprintf(text, sizeof text, "0x%" PRIxPTR, value);
  return text;
}

RegisterSet known_registers(const Registers& from) {
  struct Row {
    Registers::Known bit;
    Register which;
    uintptr_t value;
  };
  const Row rows[] = {{Registers::kIp, kRip, from.ip},   {Registers::kSp, kRsp, from.sp},
                      {Registers::kBp, kRbp, from.bp},   {Registers::kBx, kRbx, from.bx},
                      {Registers::kR12, kR12, from.r12}, {Registers::kR13, kR13, from.r13},
                      {Registers::kR14, kR14, from.r14}, {Registers::kR15, kR15, from.r15}};
  RegisterSet out;
  out.ip_is_exact = from.ip_is_exact;
  for (const Row& row : rows) {
    if ((from.known & row.bit) != 0) out.set(row.which, row.value);
  }
  return out;
}

void set_note(RawStack& out, const std::string& note) {
  std::snprintf(out.note, sizeof out.note, "%s", note.c_str());
}

}  // namespace

struct Unwinder::State {
  Modules& modules;
  MemoryReader& memory;
  StackMemory stack;
  Code code;
  FrameStepper stepper;
  uint64_t generation;
  unsigned steps_left = 0;

  State(Modules& the_modules, MemoryReader& the_memory)
      : modules(the_modules),
        memory(the_memory),
        stack(the_memory),
        code(the_modules, stack),
        stepper(the_modules),
        generation(the_modules.generation()) {}

  void forget() {
    stepper.forget();
    memory.forget();
    generation = modules.generation();
  }

  void unwind(const Snapshot& snapshot, RawStack& out);
  End climb(Walk& walk);
  StepResult step(Walk& walk, RegisterSet& caller);
  StepResult step_from_bad_address(RegisterSet& caller);
  StepResult step_without_tables(Walk& walk, RegisterSet& caller);
  StepResult return_to(RegisterSet& caller, uintptr_t slot, std::optional<uintptr_t> frame_pointer);
  bool accept(Walk& walk, const RegisterSet& caller, const StepResult& stepped);
  bool needs_no_call(RegisterSet frame);
  std::string why_stopped(const Walk& walk, const StepResult& stepped) const;
  std::string place(uintptr_t pc) const;
  bool find_caller(Walk& walk, const Snapshot& snapshot);
  std::optional<Walk> try_frame_pointer(const Walk& walk, uintptr_t frame_pointer);
  bool take_best(std::vector<Guess>& guesses, Walk& walk);
};

// "0x7f.. (/usr/lib/libfoo.so)" for a note.
std::string Unwinder::State::place(uintptr_t pc) const {
  const Module* module = modules.find(pc);
  if (module == nullptr) return hex(pc) + " (no module)";
  const bool is_mapped = modules.mapping(pc) != nullptr;
  return hex(pc) + " (" + module->path.substr(module->path.rfind('/') + 1) + (is_mapped ? ")" : ", since unloaded)");
}

// The caller by a return address at `slot`, if a call stands before it. Of its registers only rbp may be known then.
StepResult Unwinder::State::return_to(RegisterSet& caller, uintptr_t slot, std::optional<uintptr_t> frame_pointer) {
  StepResult result;
  const auto return_address = stack.read_value<uintptr_t>(slot);
  if (!return_address || !code.follows_call(*return_address)) return result;
  caller = RegisterSet{};
  caller.set(kRip, *return_address);
  caller.set(kRsp, slot + sizeof(uintptr_t));
  if (frame_pointer) caller.set(kRbp, *frame_pointer);
  result.outcome = Stepped::to_caller;
  result.cfa = caller[kRsp];
  return result;
}

// A call or jump through a wild pointer: the return address of the call is still on top of the stack.
StepResult Unwinder::State::step_from_bad_address(RegisterSet& caller) {
  const RegisterSet here = caller;
  return return_to(caller, here[kRsp], here.knows(kRbp) ? std::optional(here[kRbp]) : std::nullopt);
}

// Code that no table describes: by the frame pointer, which compilers for such code mostly keep, unless the function is
// just setting up or has taken down its frame, which an exact address shows.
StepResult Unwinder::State::step_without_tables(Walk& walk, RegisterSet& caller) {
  StepResult result;
  const uintptr_t pc = caller[kRip];
  const Module* module = modules.find(pc);
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
    const auto next = stack.read_constant_value<uint32_t>(pc).value_or(0);
    const uintptr_t skipped = next == 0xfa1e0ff3 ? 4 : 0;  // endbr64
    const auto opcode = stack.read_constant_value<uint8_t>(pc + skipped);
    if (opcode && (*opcode == 0x55 || *opcode == 0xc3)) return return_to(caller, sp, bp);  // push %rbp; ret
    if ((next & 0xffffff) == 0xe58948) {                                                   // mov %rsp,%rbp
      return return_to(caller, sp + 8, stack.read_value<uintptr_t>(sp));
    }
  }
  const auto saved = stack.read_value<uintptr_t>(bp);
  if (bp < sp || bp % sizeof(uintptr_t) != 0 || !saved) return result;
  return return_to(caller, bp + 8, *saved);
}

StepResult Unwinder::State::step(Walk& walk, RegisterSet& caller) {
  if (!code.is_code(caller.lookup_pc())) return step_from_bad_address(caller);
  StepResult result = stepper.step(caller, stack);
  return result.outcome == Stepped::no_procedure ? step_without_tables(walk, caller) : result;
}

// Where the return address of a function that nobody called by a call instruction leads: the kernel pushed a signal's
// trampoline, makecontext a context's end.
bool Unwinder::State::needs_no_call(RegisterSet frame) {
  const StepResult stepped = stepper.step(frame, stack);
  return stepped.was_signal_frame || stepped.outcome == Stepped::end;
}

// Whether `caller` can be the caller of the last frame. A stack grows down: each caller's stack pointer is higher, but
// for the thread that a signal interrupted while it was on another stack.
bool Unwinder::State::accept(Walk& walk, const RegisterSet& caller, const StepResult& stepped) {
  const RegisterSet& here = walk.registers;
  if (!stepped.was_signal_frame && caller[kRsp] <= here[kRsp]) {
    walk.note = "the stack does not ascend beyond " + place(here[kRip]);
    return false;
  }
  if (!code.is_code(caller.lookup_pc()) && !stepped.was_signal_frame) {
    walk.note = "the return address of " + place(here[kRip]) + " is " + place(caller[kRip]) + ", which is no code";
    return false;
  }
  if (!walk.check_calls || stepped.was_signal_frame) return true;
  const CallMatch match = code.match_call(caller[kRip], here.lookup_pc());
  if (match == CallMatch::contradicted) return !code.follows_call(caller[kRip]) && needs_no_call(caller);
  walk.worst_call = std::max(walk.worst_call, match);
  return true;
}

std::string Unwinder::State::why_stopped(const Walk& walk, const StepResult& stepped) const {
  static constexpr const char* kNames[] = {"rax", "rdx", "rcx", "rbx", "rsi", "rdi", "rbp", "rsp", "r8",
                                           "r9",  "r10", "r11", "r12", "r13", "r14", "r15", "rip"};
  const std::string here = place(walk.registers[kRip]);
  if (walk.first_without_tables == walk.registers[kRip]) return "no unwind information for " + here;
  if (!code.is_code(walk.registers.lookup_pc())) return here + " is no code";
  if (stepped.outcome == Stepped::unknown_register) {
    return std::string("the caller of ") + here + " depends on " + kNames[stepped.needed_register] +
           ", which is not known";
  }
  return "the stack or the unwind tables of " + here + " cannot be read";
}

End Unwinder::State::climb(Walk& walk) {
  for (;;) {
    if (walk.frames.size() == kMaxWalked || steps_left == 0) {
      walk.note = "the stack is deeper than " + std::to_string(walk.frames.size()) + " frames";
      return End::broken;
    }
    --steps_left;
    walk.frames.push_back(RawFrame{walk.registers[kRip], 0, walk.registers.ip_is_exact});
    RegisterSet caller = walk.registers;
    const StepResult stepped = step(walk, caller);
    RawFrame& frame = walk.frames.back();
    frame.cfa = stepped.cfa;
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

// Goes on from the last frame as if its rbp were `frame_pointer`: the walk, if that leads to the thread's start.
std::optional<Walk> Unwinder::State::try_frame_pointer(const Walk& walk, uintptr_t frame_pointer) {
  Walk trial = walk;
  trial.frames.pop_back();
  trial.registers.set(kRbp, frame_pointer);
  trial.check_calls = true;
  if (climb(trial) != End::thread_start) return std::nullopt;
  return trial;
}

// The last frame's function has pushed its caller's rbp and copied its stack pointer into rbp, but rbp was not captured:
// somewhere up the stack lie the saved rbp and above it the return address. Stale pairs of calls that are over may lie in
// between, in buffers that were never written, and live ones of other calls above. So a pair counts only if the stack
// then leads to the thread's start and no call on the way contradicts the function of the frame below; and the one that
// lies just where the prologue puts it wins, or else the best.
bool Unwinder::State::find_caller(Walk& walk, const Snapshot& snapshot) {
  const uintptr_t sp = walk.registers[kRsp];
  const Mapping* mapping = modules.mapping(sp);
  if (mapping == nullptr) return false;
  uintptr_t end = std::min(mapping->end, sp + kMaxSearched);
  if (snapshot.stack_end > sp) end = std::min(end, snapshot.stack_end);
  const uintptr_t callee = walk.registers.lookup_pc();
  const std::optional<Procedure> procedure = code.procedure(callee);
  const uintptr_t frame_size = procedure ? code.frame_size(procedure->start) : 0;

  std::vector<Guess> guesses;
  uintptr_t at = (sp + frame_size + kStackAlignment - 1) / kStackAlignment * kStackAlignment;
  for (; at < end && end - at >= 2 * sizeof(uintptr_t) && guesses.size() < kMaxGuesses; at += kStackAlignment) {
    const auto return_address = stack.read_value<uintptr_t>(at + sizeof(uintptr_t));
    if (!return_address) break;
    if (!code.is_code(*return_address)) continue;
    const CallMatch match = code.match_call(*return_address, callee);
    // No call at all is still tried: it may be a signal handler that was not called by one.
    if (match == CallMatch::contradicted && code.follows_call(*return_address)) continue;
    // A frame of a walk that fits no worse is no rival of it: the calls of a recursion would all be tried else.
    if (std::any_of(guesses.begin(), guesses.end(),
                    [&](const Guess& guess) { return guess.rank <= match && guess.has_frame(at); })) {
      continue;
    }
    std::optional<Walk> trial = try_frame_pointer(walk, at);
    if (!trial) continue;
    const CallMatch rank = trial->worst_call == CallMatch::doubtful ? CallMatch::doubtful : match;
    if (frame_size != 0 && at == sp + frame_size && rank <= CallMatch::possible) {
      walk = std::move(*trial);
      return true;
    }
    guesses.push_back(Guess{at, rank, std::move(*trial)});
  }
  return take_best(guesses, walk);
}

// The best guess, of equals the innermost. It is said to be likely only, where another as good contradicts it, being no
// frame of it, or where it is doubtful itself.
bool Unwinder::State::take_best(std::vector<Guess>& guesses, Walk& walk) {
  auto best =
      std::min_element(guesses.begin(), guesses.end(), [](const Guess& a, const Guess& b) { return a.rank < b.rank; });
  if (best == guesses.end()) return false;
  const bool is_contradicted = std::any_of(guesses.begin(), guesses.end(), [&](const Guess& other) {
    return other.rank == best->rank && !best->has_frame(other.frame_pointer);
  });
  const size_t frame = walk.frames.size() - 1;
  const bool is_doubtful = best->rank >= CallMatch::doubtful;
  walk = std::move(best->walk);
  if (is_contradicted || is_doubtful) {
    walk.note = "the caller of frame " + std::to_string(frame) +
                " is likely, not proven: found on the stack without a frame pointer";
  }
  return true;
}

void Unwinder::State::unwind(const Snapshot& snapshot, RawStack& out) {
  if (generation != modules.generation()) forget();
  stack.begin(snapshot);
  steps_left = kMaxSteps;
  Walk walk;
  walk.registers = known_registers(snapshot.registers);
  if (!walk.registers.knows(kRip) || !walk.registers.knows(kRsp)) {
    set_note(out, snapshot.why_short[0] != '\0' ? snapshot.why_short : "its registers are not known");
    return;
  }
  End end = climb(walk);
  if (end == End::frame_pointer_unknown) {
    if (find_caller(walk, snapshot)) {
      end = End::thread_start;
    } else {
      walk.note = "the caller of " + place(walk.registers[kRip]) +
                  " is not known: its frame pointer could not be captured, and the stack proves none";
    }
  }
  out.complete = end == End::thread_start;
  if (walk.note.empty() && walk.first_without_tables != 0) {
    walk.note = "by frame pointer from " + place(walk.first_without_tables) + " on: no unwind information";
  }
  const size_t count = walk.frames.size();
  const size_t innermost = count > kMaxFrames ? kKeptInnermost : count;
  const size_t outermost = count > kMaxFrames ? kMaxFrames - kKeptInnermost : 0;
  std::copy_n(walk.frames.begin(), innermost, out.frames);
  std::copy_n(walk.frames.end() - static_cast<std::ptrdiff_t>(outermost), outermost, out.frames + innermost);
  out.count = static_cast<uint32_t>(innermost + outermost);
  if (count > kMaxFrames) {
    const std::string cut =
        std::to_string(count - kMaxFrames) + " more frames after frame " + std::to_string(kKeptInnermost - 1);
    walk.note = walk.note.empty() ? cut : cut + "; " + walk.note;
  }
  set_note(out, walk.note);
}

Unwinder::Unwinder(Modules& modules, MemoryReader& memory) : state_(std::make_unique<State>(modules, memory)) {}
Unwinder::~Unwinder() = default;

void Unwinder::unwind(const Snapshot& snapshot, RawStack& out) {
  out.count = 0;
  out.complete = false;
  out.note[0] = '\0';
  out.sp = (snapshot.registers.known & Registers::kSp) != 0 ? snapshot.registers.sp : 0;
  try {
    state_->unwind(snapshot, out);
  } catch (const std::exception& error) {
    std::snprintf(out.note, sizeof out.note, "unwinding failed: %s", error.what());
  }
}

uintptr_t Unwinder::function_start(uintptr_t pc) {
  if (state_->generation != state_->modules.generation()) state_->forget();
  try {
    const std::optional<Procedure> procedure = state_->code.procedure(pc);
    return procedure ? procedure->start : 0;
  } catch (const std::exception&) {
    return 0;
  }
}

void Unwinder::forget() {
  state_->forget();
}

}  // namespace holdwatch
