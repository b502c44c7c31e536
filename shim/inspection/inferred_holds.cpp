// See inferred_holds.h.
#include "shim/inspection/inferred_holds.h"

#include <algorithm>

#include "shim/base/clock.h"
#include "shim/base/clock_line.h"
#include "shim/inspection/blocked_thread.h"
#include "shim/inspection/inside_call.h"
#include "shim/inspection/local_memory.h"
#include "shim/inspection/ownership.h"
#include "shim/inspection/stillness.h"
#include "shim/inspection/task_files.h"
#include "shim/inspection/waiting_call.h"
#include "shim/record/acquire_slow.h"
#include "shim/record/owner_record.h"
#include "shim/record/thread_table.h"
#include "shim/record/view_walk.h"

namespace holdwatch {
namespace {

constexpr size_t kMaxInferred = 4096;
constexpr size_t kChecksAtOnce = 64;  // in one wake-up: each reads files of /proc
constexpr int kLooks = 3;             // a thread may be about to wait while it is examined
constexpr size_t kMaxWaited = 512;    // locks with waiters whose holders are inferred in one scan

struct Inferred {
  OwnerRecord* record;  // null: free
  HeldSlot* slot;
  LockWord word;
  bool is_wait;
  InferredHold hold;  // of a hold; its tid is always set
  Stillness still;

  int tid() const { return hold.place.tid; }
};

std::atomic<int> g_looks_wanted{0};
std::atomic<bool> g_is_attached{false};
constinit Inferred g_inferred[kMaxInferred] = {};
size_t g_used = 0;        // entries ever used
size_t g_next_check = 0;  // among them

// Threads in a condition wait since before the attachment: which mutex they will want shows only once they are woken.
int g_sleepers[kMaxInferred];
size_t g_sleeper_count = 0;
size_t g_next_sleeper = 0;

uint64_t g_unexplained_due_ns = 0;  // when waits for locks without a recorded holder are examined next
LockWord g_waited[kMaxWaited];

Inferred* free_entry() {
  for (size_t i = 0; i < g_used; ++i)
    if (g_inferred[i].record == nullptr) return &g_inferred[i];
  return g_used < kMaxInferred ? &g_inferred[g_used++] : nullptr;
}

Inferred* find_inferred(int tid, LockWord word, bool is_wait) {
  Inferred* const found = std::find_if(g_inferred, g_inferred + g_used, [&](const Inferred& one) {
    return one.record != nullptr && one.tid() == tid && one.is_wait == is_wait && one.word.is_same_lock(word);
  });
  return found == g_inferred + g_used ? nullptr : found;
}

// The record with what was inferred about the thread already, or null.
OwnerRecord* record_of(int tid) {
  for (size_t i = 0; i < g_used; ++i)
    if (g_inferred[i].record != nullptr && g_inferred[i].tid() == tid) return g_inferred[i].record;
  return nullptr;
}

void drop(Inferred& inferred) {
  OwnerRecord& record = *inferred.record;
  inferred.record = nullptr;
  record.drop(*inferred.slot);
  if (record_of(inferred.tid()) == nullptr) return_inferred_record(record);
}

// Whether the thread itself has recorded that it holds the lock.
bool is_recorded(int tid, LockWord word) {
  bool found = false;
  for_each_hold(UINT64_MAX, [&](const HoldView& hold) {
    found |= hold.tid == tid && !is_inferred(hold.sites[0].pc) && hold.word.is_same_lock(word);
  });
  return found;
}

bool waits_by_record(int tid) {
  bool found = false;
  for_each_wait(UINT64_MAX, [&](const WaitView& wait) { found |= wait.tid == tid; });
  return found;
}

// Publishes in the thread's inferred record that it waits for the lock from now on, or holds it.
bool publish(Inferred& inferred) {
  OwnerRecord& record = *inferred.record;
  inferred.slot =
      begin_wait_slow(record, inferred.word, {0, 0, 0}, g_clock_line.tick_ns.load(std::memory_order_relaxed));
  if (inferred.slot == nullptr) return false;
  if (!inferred.is_wait) hold_waited_slow(record, *inferred.slot, inferred.word);
  return true;
}

Inferred* infer(const OwnerPlace& place, LockWord word, bool is_wait) {
  Inferred* inferred = free_entry();
  if (inferred == nullptr) return nullptr;
  OwnerRecord* record = record_of(place.tid);
  if (record == nullptr) {
    SyscallFile file;
    const bool has_stack = place.where == Whereabouts::here && read_syscall_file(place.tid, &file) == 0;
    record = make_inferred_record(place.tid, has_stack ? mapped_around(file.sp, MappedAs::stack).end : 0);
  }
  if (record == nullptr) return nullptr;
  record->gone_name[0] = '\0';  // it was another thread's
  *inferred = {record, nullptr, word, is_wait, {place, false, false}, {}};
  if (!publish(*inferred)) inferred->record = nullptr;
  return inferred->record == nullptr ? nullptr : inferred;
}

// The hold of the thread that the lock names, inferred now or before; null if it names none, or one that has recorded the hold.
Inferred* infer_owner(LockWord lock, uint64_t waited_since_ns) {
  LockWord held;
  const int owner = owner_of(lock, &held);
  if (owner == 0) return nullptr;
  if (Inferred* known = find_inferred(owner, held, false); known != nullptr) return known;
  const OwnerPlace place = find_owner(owner, lock, waited_since_ns);
  if (Inferred* known = find_inferred(place.tid, held, false); known != nullptr) return known;
  if (place.where == Whereabouts::unknown || is_recorded(place.tid, held)) return nullptr;
  Inferred* inferred = infer(place, held, false);
  if (inferred != nullptr && !is_gone(place.where)) inferred->still.begin(place.pid, place.tid, held);
  return inferred;
}

bool sleeps(int tid) {
  return std::any_of(g_sleepers, g_sleepers + g_sleeper_count, [&](int one) { return one == tid; });
}

void infer_wait(int tid) {
  SyscallFile place;
  LockWord word;
  if (read_syscall_file(tid, &place) != 0) return;
  if (!lock_waited_for(place, &word)) {
    if (sits_in_condition_wait(place) && g_sleeper_count < kMaxInferred && !sleeps(tid))
      g_sleepers[g_sleeper_count++] = tid;
    return;
  }
  if (waits_by_record(tid)) return;  // inferred, or by its own record
  if (infer({Whereabouts::here, tid}, word, true) != nullptr) infer_owner(word, monotonic_ns());
}

// Infers the threads that wait for the lock by calls that bypass our hooks; false if there are none.
bool infer_sleepers(LockWord lock) {
  bool any = false;
  const Sleepers sleepers = sleepers_for(lock);
  for (size_t i = 0; i < sleepers.count; ++i) {
    SyscallFile place;
    const int tid = sleepers.tids[i];
    if (waits_by_record(tid) || read_syscall_file(tid, &place) != 0 || !sleeps_for(place, lock)) continue;
    any |= infer({Whereabouts::here, tid}, wanted_of(place, lock), true) != nullptr;
  }
  return any;
}

bool still_waits(const Inferred& inferred) {
  SyscallFile place;
  return read_syscall_file(inferred.tid(), &place) == 0 && sleeps_for(place, inferred.word) &&
         wanted_of(place, inferred.word) == inferred.word;
}

bool still_holds(const Inferred& inferred) {
  if (inferred.hold.inside_call && is_changing_hands(inferred.word)) return true;
  return confirm_ownership(inferred.word, inferred.tid()) == Ownership::confirmed &&
         !is_recorded(inferred.tid(), inferred.word);
}

// Whether the lock cannot have been released since the last scan. A thread that has exited cannot release it.
bool is_same_hold(Inferred& inferred) {
  switch (inferred.hold.place.where) {
    case Whereabouts::here:
    case Whereabouts::elsewhere:
      return inferred.still.lasts();
    case Whereabouts::exited:
    case Whereabouts::of_parent:
    case Whereabouts::unknown:
      break;
  }
  return true;
}

// A hold that may be a different one by now starts again, unless it was reported already: then it is only likely from now on.
void check_hold(Inferred& inferred, const Timing& timing) {
  if (!still_holds(inferred)) return drop(inferred);
  if (is_same_hold(inferred)) return;
  const uint64_t since_ns = timing.latest_ns(inferred.slot->since_ns.load(std::memory_order_relaxed));
  inferred.hold.doubtful = is_over(age_ns(since_ns, timing.now_ns()), timing.limits().of(inferred.word));
  if (inferred.hold.doubtful) return;
  inferred.record->drop(*inferred.slot);
  if (!publish(inferred)) drop(inferred);
}

void check_inferred(const Timing& timing) {
  const size_t checks = std::min(g_used, kChecksAtOnce);
  for (size_t i = 0; i < checks; ++i) {
    Inferred& inferred = g_inferred[g_next_check++ % g_used];
    if (inferred.record == nullptr) continue;
    if (!inferred.is_wait)
      check_hold(inferred, timing);
    else if (!still_waits(inferred))
      drop(inferred);
  }
}

// A thread that has been woken waits for the mutex now, or has recorded a wait of its own.
void recheck_sleepers() {
  for (size_t checks = std::min(g_sleeper_count, kChecksAtOnce); checks > 0 && g_sleeper_count > 0; --checks) {
    const size_t at = g_next_sleeper++ % g_sleeper_count;
    const int tid = g_sleepers[at];
    SyscallFile place;
    LockWord word;
    const bool is_there = read_syscall_file(tid, &place) == 0;
    if (is_there && sits_in_condition_wait(place) && !lock_waited_for(place, &word)) continue;
    g_sleepers[at] = g_sleepers[--g_sleeper_count];
    if (is_there) infer_wait(tid);
  }
}

bool anything_is_held_since(uint64_t old_ns) {
  bool found = false;
  for_each_hold(old_ns, [&](const HoldView&) { found = true; });
  return found;
}

// --- waits that no record explains ---

// Whether a thread has recorded that it holds the lock, and the lock does not say otherwise.
bool is_explained(LockWord lock, LockIndex& lock_index) {
  bool explained = false;
  lock_index.for_each_hold_of(lock, [&](const HoldView& hold) {
    explained =
        explained || (!is_inferred(hold.sites[0].pc) && confirm_ownership(hold.word, hold.tid) != Ownership::refuted);
  });
  return explained;
}

// The lock is locked and names no owner: perhaps a waiter holds it, whose call a signal handler has interrupted. Only the first
// few waiters are checked, because each check reads a stack.
Inferred* infer_interrupted(LockWord lock, LockIndex& lock_index) {
  constexpr int kMaxAsked = 8;
  if (!is_changing_hands(lock)) return nullptr;
  int tid = 0, asked = 0;
  lock_index.for_each_wait_for(lock, [&](const WaitView& wait) {
    if (tid == 0 && ++asked <= kMaxAsked && is_inside_call_on(wait)) tid = wait.tid;
  });
  const LockWord held(reinterpret_cast<const void*>(lock.address()), lock.kind(), access_of_nameless(lock));
  if (tid == 0 || !is_changing_hands(lock)) return nullptr;
  if (Inferred* known = find_inferred(tid, held, false); known != nullptr) return known;
  Inferred* inferred = infer({Whereabouts::here, tid}, held, false);
  if (inferred != nullptr) inferred->still.begin(0, tid, held);
  return inferred;
}

uint64_t longest_wait_ns(LockWord lock, const Timing& timing, LockIndex& lock_index) {
  uint64_t longest_ns = 0;
  lock_index.for_each_wait_for(lock, [&](const WaitView& wait) {
    if (!wait.word.condition()) longest_ns = std::max(longest_ns, timing.age_of(wait));
  });
  return longest_ns;
}

// Whether it waits for the lock that it holds; then a signal may have interrupted its call.
bool waits_for_itself(Inferred& owner, LockWord lock, LockIndex& lock_index) {
  bool waits = false;
  lock_index.for_each_wait_for(lock, [&](const WaitView& wait) {
    if (wait.tid != owner.tid() || wait.word.condition()) return;
    waits = true;
    owner.hold.inside_call = owner.hold.inside_call || is_inside_call_on(wait);
  });
  return waits;
}

void explain(LockWord lock, const Timing& timing, const ReportedLocks& reported, LockIndex& lock_index,
             Candidates& stuck) {
  if (is_explained(lock, lock_index)) return;
  const uint64_t waited_ns = longest_wait_ns(lock, timing, lock_index);
  Inferred* owner = infer_owner(lock, timing.now_ns() - waited_ns);
  if (owner == nullptr) owner = infer_interrupted(lock, lock_index);
  if (owner == nullptr) return;
  infer_sleepers(lock);
  const bool is_stuck = is_gone(owner->hold.place.where) || waits_for_itself(*owner, lock, lock_index);
  if (is_stuck && is_over(waited_ns, timing.limits().if_stuck_ns(owner->word)) &&
      !reported.contain(reported.episodes, lock.address()))
    stuck.add(lock);
}

// The locks that have had a waiter since tick `old_ns` or before; `*next_ns`: when the next wait began.
size_t list_waited(uint64_t old_ns, LockIndex& lock_index, uint64_t* next_ns) {
  size_t count = 0;
  lock_index.clear();
  *next_ns = for_each_wait(old_ns, [&](const WaitView& wait) {
    if (!wait.word.condition() && count < kMaxWaited && lock_index.want(wait.word)) g_waited[count++] = wait.word;
  });
  return count;
}

// A wait is examined once it has lasted for one period: most are over by then. That takes at most one eight-hundredth of the
// time.
void look_for_unexplained(const Timing& timing, const ReportedLocks& reported, LockIndex& lock_index,
                          Candidates& stuck) {
  constexpr uint64_t kShare = 800, kPerRecordNs = 200, kPerLockNs = 10'000;
  if (timing.now_ns() < g_unexplained_due_ns) return;
  const uint64_t grace_ns = timing.wake_period_ns();
  uint64_t next_ns = 0;
  const size_t count = list_waited(age_ns(grace_ns, timing.now_ns()), lock_index, &next_ns);
  if (count == 0) {
    g_unexplained_due_ns = std::min(next_ns, timing.now_ns()) + grace_ns;
    return;
  }
  lock_index.walk();
  for (size_t i = 0; i < count; ++i) explain(g_waited[i], timing, reported, lock_index, stuck);
  const uint64_t cost_ns = record_limit() * kPerRecordNs + count * kPerLockNs;
  g_unexplained_due_ns = timing.now_ns() + std::max(kShare * cost_ns, grace_ns / 2);
}

}  // namespace

void infer_after_attachment() {
  g_is_attached.store(true, std::memory_order_relaxed);
  g_looks_wanted.store(kLooks, std::memory_order_release);
}

void update_inferred(const Timing& timing, const ReportedLocks& reported, LockIndex& lock_index, Candidates& stuck) {
  if (g_used > 0) check_inferred(timing);
  if (const int looks = g_looks_wanted.load(std::memory_order_acquire); looks > 0) {
    g_looks_wanted.store(looks - 1, std::memory_order_relaxed);
    for_each_thread(infer_wait);
  }
  const uint64_t old_ns = age_ns(timing.limits().smallest_ns() / 2, timing.now_ns());
  if (g_sleeper_count > 0 && anything_is_held_since(old_ns)) recheck_sleepers();
  if (timing.limits().smallest_ns() != UINT64_MAX) look_for_unexplained(timing, reported, lock_index, stuck);
}

bool infer_unseen_waiters(LockWord lock) {
  return is_contended(lock) && infer_sleepers(lock);
}

bool has_inferred() {
  return std::any_of(g_inferred, g_inferred + g_used, [](const Inferred& one) { return one.record != nullptr; });
}

bool inferred_since_attachment() {
  return g_is_attached.load(std::memory_order_relaxed);
}

const InferredHold* inferred_hold(const HoldView& hold) {
  if (!is_inferred(hold.sites[0].pc)) return nullptr;
  const ThreadRecord* record = record_at(hold.identity.record);
  const auto found = std::find_if(g_inferred, g_inferred + g_used, [&](const Inferred& one) {
    return one.record == record && !one.is_wait && one.record->index_of_slot(*one.slot) == hold.identity.slot;
  });
  return found == g_inferred + g_used ? nullptr : &found->hold;
}

void forget_inferred() {
  g_looks_wanted.store(0);
  for (size_t i = 0; i < g_used; ++i)
    if (g_inferred[i].record != nullptr) drop(g_inferred[i]);
  inferred_after_fork();
}

void inferred_after_fork() {
  g_is_attached.store(false, std::memory_order_relaxed);
  for (size_t i = 0; i < g_used; ++i) g_inferred[i].record = nullptr;
  g_used = g_next_check = 0;
  g_sleeper_count = g_next_sleeper = 0;
  g_unexplained_due_ns = 0;
}

}  // namespace holdwatch
