// From a snapshot to a stack: walks it, searches where necessary, and cuts a stack that is too deep.
// Cold context only.
#include "symbolizer/unwind/unwinder.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <exception>
#include <iterator>
#include <string>
#include <utility>

#include "symbolizer/unwind/caller_search.h"
#include "symbolizer/unwind/stack_walk.h"

namespace holdwatch {

namespace {

constexpr std::chrono::nanoseconds kTimeout = std::chrono::seconds(2);
constexpr std::chrono::nanoseconds kShortestTimeLimit = std::chrono::milliseconds(20);
constexpr size_t kKeptInnermost = kMaxFrames / 2;  // of a stack that is deeper than kMaxFrames

RegisterSet known_registers(const Registers& from) {
  struct Row {
    Registers::Known bit;
    Register which;
    uintptr_t value;
  };
  const Row rows[] = {{Registers::kIpIsKnown, kRip, from.ip},   {Registers::kSpIsKnown, kRsp, from.sp},
                      {Registers::kBpIsKnown, kRbp, from.bp},   {Registers::kBxIsKnown, kRbx, from.bx},
                      {Registers::kR12IsKnown, kR12, from.r12}, {Registers::kR13IsKnown, kR13, from.r13},
                      {Registers::kR14IsKnown, kR14, from.r14}, {Registers::kR15IsKnown, kR15, from.r15}};
  RegisterSet out;
  out.ip_is_exact = from.ip_is_exact;
  for (const Row& row : rows) {
    if ((from.known & row.bit) != 0) out.set(row.which, row.value);
  }
  return out;
}

// For a thread in a system call, the registers that contain its arguments: the kernel restores them.
void take_arguments(const SystemCall& call, MemoryReader& memory, RegisterSet& registers) {
  constexpr uint16_t kSyscall = 0x050f;
  constexpr Register kOrder[] = {kRdi, kRsi, kRdx, kR10, kR8, kR9};
  if (!call.known || !registers.ip_is_exact || !registers.knows(kRip)) return;
  if (memory.read_constant_value<uint16_t>(registers[kRip] - sizeof kSyscall) != kSyscall) return;
  for (size_t index = 0; index < std::size(kOrder); ++index) registers.set(kOrder[index], call.arguments[index]);
}

void set_note(RawStack& out, const std::string& note) {
  std::snprintf(out.note, sizeof out.note, "%s", note.c_str());
}

}  // namespace

struct Unwinder::State {
  const Modules& modules;
  MemoryReader& memory;
  StackWalker walker;
  uint64_t generation;
  std::chrono::nanoseconds time_left = kTimeout;

  State(const Modules& the_modules, MemoryReader& the_memory)
      : modules(the_modules),
        memory(the_memory),
        walker(the_modules, the_memory),
        generation(the_modules.generation()) {}

  void forget() {
    walker.forget();
    memory.forget();
    generation = modules.generation();
  }

  void unwind(const Snapshot& snapshot, RawStack& out, std::vector<RegisterSet>* registers);
};

void Unwinder::State::unwind(const Snapshot& snapshot, RawStack& out, std::vector<RegisterSet>* registers) {
  if (generation != modules.generation()) forget();
  walker.begin(snapshot, std::max(time_left, kShortestTimeLimit));
  Walk walk;
  walk.registers = known_registers(snapshot.registers);
  take_arguments(snapshot.call, memory, walk.registers);
  if (!walk.registers.knows(kRip) || !walk.registers.knows(kRsp)) {
    set_note(out, snapshot.why_short[0] != '\0' ? snapshot.why_short : "its registers are unknown");
    return;
  }
  End end = walker.climb(walk);
  if (end == End::frame_pointer_unknown) {
    if (find_caller(walker, walk, snapshot)) {
      end = End::thread_start;
    } else {
      walk.note = "the caller of " + walker.place(walk.registers[kRip]) +
                  " is unknown: its frame pointer was not captured, and the stack does not prove one";
    }
  }
  out.complete = end == End::thread_start;
  if (walk.note.empty() && walk.first_without_tables != 0) {
    walk.note = "no unwind information for " + walker.place(walk.first_without_tables) +
                ": its caller was found by following its code";
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
  if (registers == nullptr) return;
  *registers = std::move(walk.registers_of_frames);
  if (registers->size() > innermost) registers->resize(innermost);
}

Unwinder::Unwinder(Modules& modules, MemoryReader& memory) : state_(std::make_unique<State>(modules, memory)) {}
Unwinder::~Unwinder() = default;

void Unwinder::unwind(const Snapshot& snapshot, RawStack& out, std::vector<RegisterSet>* registers) {
  out.count = 0;
  out.complete = false;
  out.note[0] = '\0';
  out.sp = (snapshot.registers.known & Registers::kSpIsKnown) != 0 ? snapshot.registers.sp : 0;
  const auto start = std::chrono::steady_clock::now();
  try {
    state_->unwind(snapshot, out, registers);
  } catch (const std::exception& error) {
    std::snprintf(out.note, sizeof out.note, "unwinding failed: %s", error.what());
  }
  state_->time_left -= std::chrono::steady_clock::now() - start;
}

void Unwinder::begin_report() {
  state_->time_left = kTimeout;
}

uintptr_t Unwinder::function_start(uintptr_t pc) {
  if (state_->generation != state_->modules.generation()) state_->forget();
  try {
    const std::optional<Procedure> procedure = state_->walker.code().procedure(pc);
    return procedure ? procedure->start : 0;
  } catch (const std::exception&) {
    return 0;
  }
}

void Unwinder::forget() {
  state_->forget();
}

}  // namespace holdwatch
