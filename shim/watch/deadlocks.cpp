// See deadlocks.h.
//
// A proof reads the records twice: a slot with the same use number in both was in that use all the time in between.
// Between the two readings, the owners are read from the locks and the threads' states from the kernel. So all threads
// of the cycle held and waited at one moment; and none of them can run to change it.
#include "shim/watch/deadlocks.h"

#include <algorithm>

#include "shim/inspection/blocked_thread.h"
#include "shim/inspection/inferred_holds.h"
#include "shim/inspection/ownership.h"
#include "shim/record/thread_table.h"
#include "shim/record/view_walk.h"

namespace holdwatch {
namespace {

bool holds_anything(const ThreadRecord& record) {
  bool any = false;
  for_each_used_slot(record, [&](uint32_t, const HeldSlot&, LockWord word) { any |= word.is_hold(); });
  return any;
}

// `waits` is false for an inferred record: the waits of its thread are in another record.
void add_holds(CycleSearch& search, uint32_t index, bool waits) {
  const ThreadRecord& record = *record_at(index);
  const int tid = record.tid.load(std::memory_order_acquire);
  for_each_used_slot(record, [&](uint32_t position, const HeldSlot& slot, LockWord) {
    if (!waits && !is_inferred(slot.pc.load(std::memory_order_acquire))) return;
    const uint64_t number = slot.number.load(std::memory_order_acquire);
    const LockWord word(slot.word.load(std::memory_order_acquire));
    if (word.is_hold()) search.add_hold({word, tid, {index, position, number}});
  });
}

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

bool view_holder(const CycleHold& hold, HolderState* out) {
  HoldView view;
  if (!view_hold(hold.identity.record, hold.identity.slot, &view)) return false;
  return view.identity == hold.identity && view.word.is_same_lock(hold.lock) && describe_holder(view, out);
}

bool began_first(const HolderState& one, const HolderState& other) {
  return one.hold.since_ns != other.hold.since_ns ? one.hold.since_ns < other.hold.since_ns
                                                  : one.hold.tid < other.hold.tid;
}

}  // namespace

// A thread that holds nothing cannot be part of a cycle: ten thousand waiters of one lock cost no more than reading
// their records.
void read_waits(CycleSearch& search) {
  search.clear();
  WaitView wait;
  const bool any_inferred = has_inferred();
  for (uint32_t index = 0, limit = record_limit(); index < limit; ++index) {
    const ThreadRecord& record = *record_at(index);
    if (record.state.load(std::memory_order_acquire) != RecordState::live) continue;
    if (!any_inferred && !holds_anything(record)) continue;
    const bool waits = view_wait(index, &wait) && !wait.word.timeout();
    if (waits) search.add_wait(wait.tid, wait.word);
    if (waits || any_inferred) add_holds(search, index, waits);
  }
}

bool prove_cycle(const Cycle& cycle, const Timing& timing, HolderState* holders) {
  const size_t count = cycle.count;
  Identity waits[kMaxHolders];
  for (size_t i = 0; i < count; ++i)
    if (!view_holder(cycle.holds[i], &holders[i])) return false;
  for (size_t i = 0; i < count; ++i) {
    WaitView wait;
    const HolderState& waited_for = holders[(i + 1) % count];
    if (!view_wait_of(holders[i].hold, &wait) || !wait.word.is_same_lock(waited_for.hold.word) || wait.word.timeout() ||
        (!keeps_itself_waiting(wait, waited_for, timing) && !is_surely_blocked(wait, waited_for.hold, timing)))
      return false;
    waits[i] = wait.identity;
    holders[i].waits_since_ns = wait.since_ns;
    holders[i].waits_since_before = is_inferred(wait.caller.pc) && inferred_since_attachment();
  }
  for (size_t i = 0; i < count; ++i)
    if (!hold_lasts(holders[i].hold.identity) || !wait_lasts(waits[i])) return false;
  std::rotate(holders, std::min_element(holders, holders + count, began_first), holders + count);
  return true;
}

}  // namespace holdwatch
