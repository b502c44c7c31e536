// See deadlocks.h.
//
// A proof reads the records twice: a slot with the same use number in both was in that use all the time in between.
// Between the two readings, the owners are read from the locks and the threads' states from the kernel. So all threads
// of the cycle held and waited at one moment; and none of them can run to change it.
#include "shim/watch/deadlocks.h"

#include <algorithm>

#include "shim/inspection/blocked_thread.h"
#include "shim/inspection/inferred_holds.h"
#include "shim/inspection/joined_thread.h"
#include "shim/inspection/loader_locks.h"
#include "shim/inspection/ownership.h"
#include "shim/record/thread_table.h"
#include "shim/record/view_walk.h"

namespace holdwatch {
namespace {

// A reader that waits while another reader holds the lock waits behind a writer, in a kind of rwlock that prefers
// writers; if that writer's wait has a timeout, the cycle will end too.
bool has_endless_writer(LockWord rwlock) {
  bool found = false;
  for_each_wait(UINT64_MAX, [&](const WaitView& wait) {
    found |= wait.word.is_same_lock(rwlock) && wait.word.access() == Access::exclusive && !wait.word.timeout();
  });
  return found;
}

// A thread that waits for itself in a signal handler may do so without sleeping (inside_call.h).
bool keeps_itself_waiting(const WaitView& wait, const HolderState& holder, const Timing& timing) {
  return holder.inside_call && wait.tid == holder.hold.tid &&
         is_over(timing.age_of(wait), timing.limits().smallest_ns());
}

bool both_read(const WaitView& wait, const HoldView& holder) {
  return wait.word.access() == Access::shared && holder.word.access() == Access::shared;
}

// If the kernel does not show what the thread does, the record is trusted once the wait has lasted long enough, and
// only if the lock call is certain to block: another thread holds the lock, and not both for reading.
bool is_surely_blocked(const WaitView& wait, const HoldView& holder, const Timing& timing) {
  const Blocked blocked = is_blocked_for(wait);
  if (blocked == Blocked::yes) return !both_read(wait, holder) || has_endless_writer(wait.word);
  if (blocked == Blocked::no) return false;
  const bool must_block = wait.tid != holder.tid && !both_read(wait, holder);
  return must_block && !wait.word.condition() && is_over(timing.age_of(wait), timing.limits().smallest_ns());
}

// A thread that is in the cycle only because another joins it.
bool view_joined(const CycleHold& life, HolderState* out) {
  if (!thread_lasts(life.identity.record, life.tid)) return false;
  *out = {};
  out->hold.identity = life.identity;
  out->hold.tid = life.tid;
  out->hold.stack_end = record_at(life.identity.record)->stack_end.load(std::memory_order_relaxed);
  return true;
}

bool view_holder(const CycleHold& hold, HolderState* out) {
  if (hold.lock.empty()) return view_joined(hold, out);
  HoldView view;
  if (!view_hold(hold.identity.record, hold.identity.slot, &view)) return false;
  return view.identity == hold.identity && view.word.is_same_lock(hold.lock) && describe_holder(view, out);
}

// Completes `holder`, which must wait for the end of `next`.
bool prove_join(HolderState* holder, const HolderState& next) {
  JoinView join;
  if (!view_join_of(holder->hold, &join) || join.has_timeout || joined_thread(join) != next.hold.tid) return false;
  holder->joins = next.hold.tid;
  holder->join_record = join.record;
  holder->join_state = join.state;
  holder->waits_since_ns = join.since_ns;
  holder->waits_since_before = is_inferred(join.pc) && inferred_since_attachment({});
  return true;
}

// Completes `holder`, which must wait for the lock that `next` holds.
bool prove_lock_wait(HolderState* holder, const HolderState& next, const Timing& timing, Identity* identity) {
  WaitView wait;
  if (!view_wait_of(holder->hold, &wait) || !wait.word.is_same_lock(next.hold.word) || wait.word.timeout() ||
      (!keeps_itself_waiting(wait, next, timing) && !is_surely_blocked(wait, next.hold, timing)))
    return false;
  *identity = wait.identity;
  holder->waits_since_ns = wait.since_ns;
  holder->waits_since_before =
      is_inferred(wait.caller.pc) && inferred_since_attachment(wait.word) && !is_loader_lock(wait.word);
  return true;
}

bool began_first(const HolderState& one, const HolderState& other) {
  if (one.holds_lock() != other.holds_lock()) return one.holds_lock();
  return one.hold.since_ns != other.hold.since_ns ? one.hold.since_ns < other.hold.since_ns
                                                  : one.hold.tid < other.hold.tid;
}

}  // namespace

bool prove_cycle(const Cycle& cycle, const Timing& timing, HolderState* holders) {
  const size_t count = cycle.count;
  Identity waits[kMaxHolders];
  for (size_t i = 0; i < count; ++i)
    if (!view_holder(cycle.holds[i], &holders[i])) return false;
  for (size_t i = 0; i < count; ++i) {
    const HolderState& next = holders[(i + 1) % count];
    if (next.holds_lock() ? !prove_lock_wait(&holders[i], next, timing, &waits[i]) : !prove_join(&holders[i], next))
      return false;
  }
  for (size_t i = 0; i < count; ++i)
    if (!still_holds(holders[i]) || !(holders[i].joins != 0 ? still_joins(holders[i]) : wait_lasts(waits[i])))
      return false;
  std::rotate(holders, std::min_element(holders, holders + count, began_first), holders + count);
  return true;
}

}  // namespace holdwatch
