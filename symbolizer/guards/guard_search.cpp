// See guard_search.h.
#include "symbolizer/guards/guard_search.h"

#include <time.h>

#include <algorithm>

#include "symbolizer/guards/code_paths.h"
#include "symbolizer/guards/code_reader.h"
#include "symbolizer/guards/followed_registers.h"
#include "symbolizer/guards/frame_locks.h"
#include "symbolizer/guards/lock_calls.h"
#include "symbolizer/guards/reader_candidates.h"
#include "symbolizer/unwind/code.h"
#include "symbolizer/unwind/deduced_registers.h"
#include "symbolizer/unwind/stack_memory.h"

namespace holdwatch {
namespace {

constexpr size_t kMaxFramesSearched = 64;

// A machine that is busy with something else does not change what is found.
std::chrono::nanoseconds processor_time() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
}

void add(std::vector<GuardedLock>& locks, const FrameLock& found, uint32_t frame) {
  const auto known =
      std::find_if(locks.begin(), locks.end(), [&](const GuardedLock& one) { return one.lock == found.lock; });
  const Evidence evidence = found.is_proven ? Evidence::guard : Evidence::code;
  if (known == locks.end()) {
    locks.push_back({found.lock, evidence, found.times, frame, found.is_conditional, found.released_at});
    return;
  }
  // What one frame may release last, another one is proven to release, or releases in any case: that counts.
  const bool is_better = (known->evidence != Evidence::guard && evidence == Evidence::guard) ||
                         (known->evidence == evidence && known->is_conditional && !found.is_conditional);
  if (is_better)
    *known = {found.lock, evidence, found.times, frame, found.is_conditional, found.released_at};
  else if (known->evidence == evidence && !found.is_conditional)
    known->times += found.times;
}

// `is_doubtful`: that an inner frame acquires none of these locks is known only with such registers.
void add_likely(const ThreadGuards& more, const std::vector<DeducedFrame>& deduced, bool is_doubtful,
                ThreadGuards& found) {
  for (GuardedLock lock : more.locks) {
    const bool is_known = std::any_of(found.locks.begin(), found.locks.end(),
                                      [&](const GuardedLock& one) { return one.lock == lock.lock; });
    if (is_known) continue;
    if (is_doubtful || !deduced[lock.frame].is_supported) lock.evidence = Evidence::code;
    found.locks.push_back(lock);
  }
}

}  // namespace

struct GuardSearch::State {
  Modules& modules;
  Unwinder& unwinder;
  StackMemory memory;
  Code code;
  StackStepper stepper;
  CodeReader instructions;
  LockCalls calls;
  CodePaths paths;
  FrameLocks frames;
  FollowedRegisters followed;
  uint64_t generation;
  std::chrono::nanoseconds end{};  // by processor_time
  SystemCall call{};               // that the thread is in
  std::vector<RegisterSet> registers;
  std::vector<bool> may_release_unknown;  // by frame, of the last search

  State(Modules& the_modules, MemoryReader& the_memory, Unwinder& the_unwinder, const ResolveFrames& resolve)
      : modules(the_modules),
        unwinder(the_unwinder),
        memory(the_memory),
        code(the_modules, memory),
        stepper(the_modules, code, memory),
        instructions(memory),
        calls(the_modules, memory, instructions, resolve),
        paths(code, instructions, calls, memory),
        frames(code, paths, calls, memory),
        followed(paths, calls, memory),
        generation(the_modules.generation()) {}

  void refresh() {
    if (generation == modules.generation()) return;
    generation = modules.generation();
    code.forget();
    stepper.forget();
    instructions.forget();
    calls.forget();
  }

  bool is_librarys(const RawFrame& frame) const { return is_runtime_library(modules.find(inside(frame))); }

  FramePlace place_of(const RawStack& stack, size_t index, const std::optional<LockRef>& awaited);
  ThreadGuards find(const RawStack& stack, const std::optional<LockRef>& awaited, bool takes_unsure = false);
  std::vector<LocksBefore> follow_functions(const RawStack& stack, std::vector<DeducedFrame>& deduced);
  void add_taken(const std::vector<LocksBefore>& before, ThreadGuards& found) const;
  ThreadGuards find_with_deduced(const RawStack& stack, const std::optional<LockRef>& awaited);
  bool may_signal(const RawStack& stack, const LockRef& awaited, uintptr_t object);
};

FramePlace GuardSearch::State::place_of(const RawStack& stack, size_t index, const std::optional<LockRef>& awaited) {
  FramePlace place{registers[index], index > 0 && is_librarys(stack.frames[index - 1])};
  const bool is_innermost =
      std::all_of(stack.frames, stack.frames + index, [this](const RawFrame& frame) { return is_librarys(frame); });
  if (index == 0 || !is_innermost || !awaited) return place;
  place.call = CallEffect::acquires;
  place.lock = *awaited;
  return place;
}

ThreadGuards GuardSearch::State::find(const RawStack& stack, const std::optional<LockRef>& awaited, bool takes_unsure) {
  ThreadGuards found;
  frames.begin(takes_unsure);
  const size_t count = std::min({size_t{stack.count}, registers.size(), kMaxFramesSearched});
  may_release_unknown.assign(count, false);
  bool may_be_inner = false;
  for (size_t index = 0; index < count; ++index) {
    if (is_librarys(stack.frames[index]) || modules.find(inside(stack.frames[index])) == nullptr) continue;
    if (processor_time() >= end) break;
    // What an inner frame releases may be the same lock: it is then no longer there for this one to release.
    for (const FrameLock& lock : frames.find(place_of(stack, index, awaited))) {
      if (lock.is_proven || !may_be_inner) add(found.locks, lock, static_cast<uint32_t>(index));
    }
    may_be_inner = may_be_inner || frames.releases_unknown();
    may_release_unknown[index] = frames.may_release_unknown();
  }
  found.lacks_registers = frames.lacks_registers();
  return found;
}

// First with the registers that are certain, then with likely ones, which what is found with them is as well if nothing supports
// them. At last, because it takes longest, with what following each function from its entry yields.
ThreadGuards GuardSearch::State::find_with_deduced(const RawStack& stack, const std::optional<LockRef>& awaited) {
  std::vector<DeducedFrame> deduced = deduce_registers(registers, call, modules, code, stepper, memory);
  for (size_t index = 0; index < deduced.size(); ++index) registers[index] = deduced[index].certain;
  ThreadGuards found = find(stack, awaited);
  if (!found.lacks_registers) return found;
  const bool is_doubtful = frames.acquires_unknown();
  for (size_t index = 0; index < deduced.size(); ++index) registers[index] = deduced[index].likely;
  const ThreadGuards more = find(stack, awaited);
  add_likely(more, deduced, is_doubtful, found);
  if (!more.lacks_registers || processor_time() >= end) return found;
  const std::vector<LocksBefore> before = follow_functions(stack, deduced);
  for (size_t index = 0; index < deduced.size(); ++index) registers[index] = deduced[index].likely;
  add_likely(find(stack, awaited, true), deduced, is_doubtful, found);
  add_taken(before, found);
  return found;
}

// An address that is known only with registers that are not certain is as good: nothing here is proven.
bool GuardSearch::State::may_signal(const RawStack& stack, const LockRef& awaited, uintptr_t object) {
  const auto is_signalled = [&] {
    find(stack, awaited);
    const std::vector<uintptr_t>& signalled = frames.signalled();
    return std::find(signalled.begin(), signalled.end(), object) != signalled.end();
  };
  if (is_signalled()) return true;
  if (!frames.lacks_signalled()) return false;
  const std::vector<DeducedFrame> deduced = deduce_registers(registers, call, modules, code, stepper, memory);
  for (size_t index = 0; index < deduced.size(); ++index) registers[index] = deduced[index].likely;
  return is_signalled();
}

std::vector<LocksBefore> GuardSearch::State::follow_functions(const RawStack& stack,
                                                              std::vector<DeducedFrame>& deduced) {
  followed.begin();
  std::vector<LocksBefore> before(std::min(deduced.size(), size_t{stack.count}));
  for (size_t index = deduced.size(); index-- != 0;) {
    deduced[index].is_supported = false;
    const LocksBefore locks = processor_time() < end ? followed.add_to(deduced[index]) : LocksBefore{};
    if (index < before.size()) before[index] = is_librarys(stack.frames[index]) ? LocksBefore{true, {}, {}} : locks;
  }
  return before;
}

// A frame that has acquired a lock on its way to where it is, and may release one whose address is not known: that one, if no inner
// frame has released it.
void GuardSearch::State::add_taken(const std::vector<LocksBefore>& before, ThreadGuards& found) const {
  Locks released;
  for (size_t index = 0; index < std::min(before.size(), may_release_unknown.size()); ++index) {
    if (!before[index].is_known) return;
    for (const LockRef& lock : before[index].acquired) {
      const bool is_likely =
          may_release_unknown[index] && !contains(released, lock) && find_lock(found.locks, lock) == nullptr;
      if (is_likely) found.locks.push_back({lock, Evidence::code, 1, static_cast<uint32_t>(index), false});
    }
    released.insert(released.end(), before[index].released.begin(), before[index].released.end());
  }
}

GuardSearch::GuardSearch(Modules& modules, MemoryReader& memory, Unwinder& unwinder, const ResolveFrames& resolve)
    : state_(std::make_unique<State>(modules, memory, unwinder, resolve)) {}
GuardSearch::~GuardSearch() = default;

void GuardSearch::begin(std::chrono::nanoseconds timeout) {
  state_->end = processor_time() + timeout;
}

bool GuardSearch::is_over() const {
  return processor_time() >= state_->end;
}

ThreadGuards GuardSearch::find(const Snapshot& snapshot, const std::optional<LockRef>& awaited, RawStack& stack) {
  state_->refresh();
  state_->unwinder.unwind(snapshot, stack, &state_->registers);
  state_->memory.begin(snapshot);
  state_->call = snapshot.call;
  ThreadGuards found = state_->find(stack, awaited);
  if (found.lacks_registers) found = state_->find_with_deduced(stack, awaited);
  return found;
}

bool GuardSearch::may_signal(const Snapshot& snapshot, const LockRef& awaited, uintptr_t object) {
  state_->refresh();
  const auto stack = std::make_unique<RawStack>();
  state_->unwinder.unwind(snapshot, *stack, &state_->registers);
  state_->memory.begin(snapshot);
  state_->call = snapshot.call;
  return state_->may_signal(*stack, awaited, object);
}

}  // namespace holdwatch
