// See holders_by_code.h.
#include "symbolizer/holders_by_code.h"

#include <unistd.h>

#include <algorithm>
#include <map>

#include "symbolizer/guards/capstone.h"
#include "symbolizer/guards/reader_candidates.h"
#include "symbolizer/proc/proc_text.h"
#include "symbolizer/waits/lock_reader.h"
#include "symbolizer/waits/thread_snapshot.h"

namespace holdwatch {
namespace {

constexpr unsigned kMaxAttempts = 3;
constexpr unsigned kMaxTimesTimeout = 4;
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
  if (std::exchange(is_stale_, false)) search_ = nullptr;
  if (search_ == nullptr) search_ = std::make_unique<GuardSearch>(modules_, memory_, unwinder_, resolve_);
  search_->begin(timeout_ * times_timeout_);
  has_searched_ = false;
  return search_.get();
}

bool HoldersByCode::take_cut_short() {
  if (is_cut_short_) times_timeout_ = std::min(2 * times_timeout_, kMaxTimesTimeout);
  return std::exchange(is_cut_short_, false);
}

// The search of a single thread may take too long because nothing has been read yet of what it needs, or because the machine is
// slow. After a few attempts what it has found is kept.
const HoldersByCode::Searched* HoldersByCode::look_at(const Snapshot& thread, const LockAwaited& awaited) {
  const auto known = searched_.find(thread.tid);
  const bool has_not_run = known != searched_.end() && known->second.switches == thread.switches &&
                           known->second.sp == thread.registers.sp && known->second.ip == thread.registers.ip;
  if (has_not_run) return &known->second;
  if (known != searched_.end()) searched_.erase(known);
  const bool has_all_time = !has_searched_;
  const auto stack = std::make_unique<RawStack>();
  has_searched_ = true;
  ThreadGuards found;
  if (!search_->is_over() && !lacks_names_()) found = search_->find(thread, awaited(thread), *stack);
  // What a call without a name does to locks is not known, and is remembered so.
  if (lacks_names_()) {
    is_stale_ = is_cut_short_ = true;
    return nullptr;
  }
  if (search_->is_over() && (!has_all_time || ++cut_short_[thread.tid] < kMaxAttempts)) {
    is_cut_short_ = true;
    return nullptr;
  }
  cut_short_.erase(thread.tid);
  if (!has_stayed(thread)) return nullptr;
  Searched result{thread.switches, thread.registers.sp, thread.registers.ip, std::move(found.locks), {}};
  for (const GuardedLock& lock : result.locks) result.calls.push_back(call_in(*stack, lock.frame));
  return &searched_.emplace(thread.tid, std::move(result)).first->second;
}

std::vector<FoundReader> HoldersByCode::find_readers(uintptr_t rwlock, const RecordedReaders& recorded,
                                                     const LockAwaited& awaited) {
  std::vector<FoundReader> found;
  const LockRef wanted{rwlock, LockKind::rwlock};
  const uint32_t readers = readers_of(rwlock, memory_);
  if (readers <= recorded.holds || begin_search() == nullptr) return found;
  const std::vector<int> threads = thread_ids(getpid());
  if (threads.size() > kMaxThreads) return found;
  const bool was_cut_short = std::exchange(is_cut_short_, false);
  std::vector<ReaderCandidate> candidates;
  std::map<int, CallSite> calls;
  for (const int tid : threads) {
    if (tid == gettid() || std::find(recorded.tids.begin(), recorded.tids.end(), tid) != recorded.tids.end()) continue;
    const auto thread = look_at_thread(ThreadFiles::of_ours(tid));
    if (!thread || (thread->snapshot.registers.known & Registers::kSpIsKnown) == 0) continue;
    const Searched* const searched = look_at(thread->snapshot, awaited);
    const GuardedLock* const guard = searched == nullptr ? nullptr : find_lock(searched->locks, wanted);
    if (guard == nullptr) continue;
    candidates.push_back({tid, *guard});
    calls[tid] = searched->calls[static_cast<size_t>(guard - searched->locks.data())];
  }
  std::erase_if(searched_,
                [&](const auto& one) { return std::find(threads.begin(), threads.end(), one.first) == threads.end(); });
  // A guess may contradict what the rest would show.
  if (is_cut_short_) std::erase_if(candidates, [](const ReaderCandidate& one) { return is_guess(one.lock.evidence); });
  drop_contradicted(candidates, readers - recorded.holds);
  const bool is_all_known = holds_of(candidates) == readers - recorded.holds;
  is_cut_short_ = was_cut_short || (is_cut_short_ && !is_all_known);
  for (const ReaderCandidate& one : candidates)
    found.push_back({one.tid, one.lock.evidence, one.lock.times, calls[one.tid]});
  return found;
}

// Of a running thread nothing is kept, and it cannot be seen whether it has stayed.
std::optional<CallSite> HoldersByCode::find_holding_frame(const Snapshot& thread, const LockRef& lock,
                                                          const LockAwaited& awaited) {
  GuardSearch* const search = begin_search();
  if (search == nullptr) return std::nullopt;
  if (thread.state != ThreadState::running && thread.switches_known) {
    const Searched* const searched = look_at(thread, awaited);
    const GuardedLock* const guard = searched == nullptr ? nullptr : find_lock(searched->locks, lock);
    if (guard == nullptr) return std::nullopt;
    return searched->calls[static_cast<size_t>(guard - searched->locks.data())];
  }
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
