// See unrecorded_readers.h.
#include "symbolizer/unrecorded_readers.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>

#include "symbolizer/proc/proc_text.h"
#include "symbolizer/waits/lock_reader.h"
#include "symbolizer/waits/thread_snapshot.h"

namespace holdwatch {
namespace {

constexpr std::chrono::milliseconds kTimeout{500};
constexpr size_t kMaxThreads = 2000;

bool has_stayed(const Snapshot& before) {
  const auto now = look_at_thread(ThreadFiles::of_ours(before.tid));
  return now && now->snapshot.state == before.state && now->snapshot.switches == before.switches;
}

uint32_t readers_of(uintptr_t rwlock, MemoryReader& memory) {
  const auto fields = read_lock_fields({rwlock, LockKind::rwlock}, memory);
  return fields && fields->owner == 0 ? fields->readers : 0;
}

FoundReader reader_of(const Snapshot& thread, const GuardedLock& guard, const RawStack& stack) {
  const RawFrame& frame = stack.frames[guard.frame];
  const uintptr_t sp = guard.frame == 0 ? stack.sp : stack.frames[guard.frame - 1].cfa;
  return {thread.tid, guard.evidence, guard.times, {frame.pc, sp}};
}

// What contradicts the lock's count of readers is dropped: first what is only likely.
void drop_too_many(std::vector<FoundReader>& found, uint32_t readers) {
  const auto count = [&] {
    uint32_t sum = 0;
    for (const FoundReader& reader : found) sum += reader.times;
    return sum;
  };
  if (count() > readers) std::erase_if(found, [](const FoundReader& reader) { return is_guess(reader.evidence); });
  if (count() > readers) found.clear();
}

}  // namespace

std::vector<FoundReader> UnrecordedReaders::find(uintptr_t rwlock, const std::vector<int>& recorded,
                                                 const LockAwaited& awaited) {
  std::vector<FoundReader> found;
  const std::vector<int> threads = thread_ids(getpid());
  const uint32_t readers = readers_of(rwlock, memory_);
  if (readers <= recorded.size() || threads.size() > kMaxThreads) return found;
  look_at_modules_();
  search_.begin(kTimeout);
  const auto stack = std::make_unique<RawStack>();
  for (const int tid : threads) {
    if (std::find(recorded.begin(), recorded.end(), tid) != recorded.end()) continue;
    const auto thread = look_at_thread(ThreadFiles::of_ours(tid));
    if (!thread || (thread->snapshot.registers.known & Registers::kSpIsKnown) == 0) continue;
    const ThreadGuards guards = search_.find(thread->snapshot, awaited(thread->snapshot), *stack);
    const auto guard = std::find_if(guards.locks.begin(), guards.locks.end(), [rwlock](const GuardedLock& one) {
      return one.lock.address == rwlock && one.lock.kind == LockKind::rwlock;
    });
    if (guard != guards.locks.end() && has_stayed(thread->snapshot))
      found.push_back(reader_of(thread->snapshot, *guard, *stack));
  }
  drop_too_many(found, readers - static_cast<uint32_t>(recorded.size()));
  return found;
}

}  // namespace holdwatch
