// See unexplained_waits.h.
#include "shim/inspection/unexplained_waits.h"

#include <algorithm>

#include "shim/inspection/blocked_thread.h"
#include "shim/inspection/inference.h"
#include "shim/inspection/inside_call.h"
#include "shim/inspection/ownership.h"
#include "shim/inspection/stuck_lock.h"
#include "shim/record/thread_table.h"
#include "shim/record/view_walk.h"

namespace holdwatch {
namespace {

constexpr size_t kMaxWaited = 512;  // locks with waiters whose holders are inferred in one scan

uint64_t g_due_ns = 0;  // when they are examined next
LockWord g_waited[kMaxWaited];

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

// Those of a lock that is waited for may be waiting themselves, inside of stdio, whose functions take the locks of streams past
// our hooks.
void explain_holders(LockWord lock, LockIndex& lock_index) {
  lock_index.for_each_hold_of(lock, [&](const HoldView& hold) {
    if (!hold.gone) infer_stream_wait(hold.tid);
  });
}

void explain(LockWord lock, const Timing& timing, const ReportedLocks& reported, LockIndex& lock_index,
             Candidates& stuck) {
  const uint64_t waited_ns = longest_wait_ns(lock, timing, lock_index);
  const auto is_due = [&](LockWord held) {
    return is_over(waited_ns, timing.limits().if_stuck_ns(held)) &&
           !reported.contain(reported.episodes, lock.address());
  };
  const Event event = event_of_waits(lock, lock_index, timing.now_ns(), timing.limits().if_stuck_ns(lock));
  if (event != Event::wait && is_due(lock)) return stuck.add(lock);
  if (is_explained(lock, lock_index)) return explain_holders(lock, lock_index);
  Inferred* owner = infer_owner(lock, timing.now_ns() - waited_ns);
  if (owner == nullptr) owner = infer_interrupted(lock, lock_index);
  if (owner == nullptr) return;
  infer_sleepers(lock);
  const bool is_stuck = is_gone(owner->hold.place.where) || waits_for_itself(*owner, lock, lock_index);
  if (is_stuck && is_due(owner->word)) stuck.add(lock);
}

// The locks that have had a waiter since tick `old_ns` or before; `*next_ns`: when the next wait began.
size_t list_waited(uint64_t old_ns, LockIndex& lock_index, uint64_t* next_ns) {
  size_t count = 0;
  lock_index.clear();
  *next_ns = for_each_wait(old_ns, [&](const WaitView& wait) {
    if (!wait.word.condition() && !is_inside_stdio(wait) && count < kMaxWaited && lock_index.want(wait.word))
      g_waited[count++] = wait.word;
  });
  return count;
}

}  // namespace

// A wait is examined once it has lasted for one period: most are over by then. That takes at most one eight-hundredth of the
// time.
void examine_unexplained_waits(const Timing& timing, const ReportedLocks& reported, LockIndex& lock_index,
                               Candidates& stuck) {
  constexpr uint64_t kShare = 800, kPerRecordNs = 200, kPerLockNs = 10'000;
  if (timing.now_ns() < g_due_ns) return;
  const uint64_t grace_ns = timing.wake_period_ns();
  uint64_t next_ns = 0;
  const size_t count = list_waited(age_ns(grace_ns, timing.now_ns()), lock_index, &next_ns);
  if (count == 0) {
    g_due_ns = std::min(next_ns, timing.now_ns()) + grace_ns;
    return;
  }
  lock_index.walk();
  for (size_t i = 0; i < count; ++i) explain(g_waited[i], timing, reported, lock_index, stuck);
  const uint64_t cost_ns = record_limit() * kPerRecordNs + count * kPerLockNs;
  g_due_ns = timing.now_ns() + std::max(kShare * cost_ns, grace_ns / 2);
}

void unexplained_waits_look_again() {
  g_due_ns = 0;
}

void unexplained_waits_reset() {
  forget_lost_wakeups();
  g_due_ns = 0;
}

}  // namespace holdwatch
