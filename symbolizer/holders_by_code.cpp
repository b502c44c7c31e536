// See holders_by_code.h.
#include "symbolizer/holders_by_code.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <map>

#include "symbolizer/guards/capstone.h"
#include "symbolizer/guards/reader_candidates.h"
#include "symbolizer/proc/proc_text.h"
#include "symbolizer/waits/lock_reader.h"
#include "symbolizer/waits/thread_snapshot.h"

namespace holdwatch {
namespace {

constexpr std::chrono::milliseconds kTimeout{500};
constexpr size_t kMaxThreads = 2000;

uint32_t readers_of(uintptr_t rwlock, MemoryReader& memory) {
  const auto fields = read_lock_fields({rwlock, LockKind::rwlock}, memory);
  return fields && fields->owner == 0 ? fields->readers : 0;
}

CallSite call_in(const RawStack& stack, uint32_t frame) {
  return {stack.frames[frame].pc, frame == 0 ? stack.sp : stack.frames[frame - 1].cfa};
}

}  // namespace

GuardSearch* HoldersByCode::begin_search() {
  if (capstone() == nullptr) return nullptr;
  look_at_modules_();
  if (search_ == nullptr) search_ = std::make_unique<GuardSearch>(modules_, memory_, unwinder_, resolve_);
  search_->begin(kTimeout);
  return search_.get();
}

std::vector<FoundReader> HoldersByCode::find_readers(uintptr_t rwlock, const RecordedReaders& recorded,
                                                     const LockAwaited& awaited) {
  std::vector<FoundReader> found;
  const uint32_t readers = readers_of(rwlock, memory_);
  GuardSearch* const search = readers <= recorded.holds ? nullptr : begin_search();
  if (search == nullptr) return found;
  const std::vector<int> threads = thread_ids(getpid());
  if (threads.size() > kMaxThreads) return found;
  const auto stack = std::make_unique<RawStack>();
  std::vector<ReaderCandidate> candidates;
  std::map<int, CallSite> calls;
  for (const int tid : threads) {
    if (std::find(recorded.tids.begin(), recorded.tids.end(), tid) != recorded.tids.end()) continue;
    const auto thread = look_at_thread(ThreadFiles::of_ours(tid));
    if (!thread || (thread->snapshot.registers.known & Registers::kSpIsKnown) == 0) continue;
    const ThreadGuards guards = search->find(thread->snapshot, awaited(thread->snapshot), *stack);
    const GuardedLock* const guard = find_lock(guards.locks, {rwlock, LockKind::rwlock});
    if (guard == nullptr || !has_stayed(thread->snapshot)) continue;
    candidates.push_back({tid, *guard});
    calls[tid] = call_in(*stack, guard->frame);
  }
  drop_contradicted(candidates, readers - recorded.holds);
  for (const ReaderCandidate& one : candidates)
    found.push_back({one.tid, one.lock.evidence, one.lock.times, calls[one.tid]});
  return found;
}

std::optional<CallSite> HoldersByCode::find_holding_frame(const Snapshot& thread, const LockRef& lock,
                                                          const LockAwaited& awaited) {
  GuardSearch* const search = begin_search();
  if (search == nullptr) return std::nullopt;
  const auto stack = std::make_unique<RawStack>();
  const ThreadGuards guards = search->find(thread, awaited(thread), *stack);
  const GuardedLock* const guard = find_lock(guards.locks, lock);
  return guard == nullptr ? std::nullopt : std::optional(call_in(*stack, guard->frame));
}

std::optional<bool> HoldersByCode::may_signal(const Snapshot& thread, const LockRef& awaited, uintptr_t object) {
  GuardSearch* const search = begin_search();
  return search == nullptr ? std::nullopt : std::optional(search->may_signal(thread, awaited, object));
}

}  // namespace holdwatch
