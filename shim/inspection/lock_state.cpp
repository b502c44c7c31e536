// See lock_state.h.
#include "shim/inspection/lock_state.h"

#include <algorithm>

#include "shim/inspection/blocked_thread.h"
#include "shim/inspection/inferred_holds.h"
#include "shim/inspection/joined_thread.h"
#include "shim/inspection/loader_locks.h"
#include "shim/inspection/ownership.h"
#include "shim/inspection/pollers.h"

namespace holdwatch {
namespace {

// Of two holds of one thread, within the same tick by their slots: those are a stack (thread_record.h).
bool began_before(const HoldView& one, const HoldView& other) {
  return one.since_ns != other.since_ns ? one.since_ns < other.since_ns : one.identity.slot < other.identity.slot;
}

// One thread can have several slots for one lock: levels of a recursive mutex, repeated read locks, or a leftover of a hold
// that another thread ended. The oldest one that the lock's own count covers is the hold; the others add to its depth.
void merge_into(HolderState& known, const HoldView& another) {
  const bool another_is_older = began_before(another, known.hold);
  const HoldView& older = another_is_older ? another : known.hold;
  const HoldView& newer = another_is_older ? known.hold : another;
  const bool covers_both =
      older.first_is_released || (newer.word.access() == older.word.access() && newer.levels < held_count(newer.word));
  const uint32_t levels = newer.levels + (covers_both ? older.levels : 0);
  known.hold = covers_both ? HoldView(older) : HoldView(newer);
  known.hold.levels = levels;
}

void add_hold(LockState& state, const HoldView& hold) {
  HolderState holder;
  if (!describe_holder(hold, &holder)) return;
  for (size_t i = 0; i < state.holder_count; ++i)
    if (state.holders[i].hold.identity.record == hold.identity.record) return merge_into(state.holders[i], hold);
  if (state.holder_count == kMaxHolders) {
    ++state.holders_left_out;
    return;
  }
  state.holders[state.holder_count++] = holder;
}

// More recorded readers than the lock counts: a read lock was released by a thread other than its acquirer, and which record
// is the leftover is not known.
void doubt_surplus_readers(LockState& state) {
  size_t recorded = state.holders_left_out;
  for (size_t i = 0; i < state.holder_count; ++i)
    if (state.holders[i].hold.word.access() == Access::shared) recorded += state.holders[i].hold.levels;
  if (recorded <= 1 || recorded <= reader_count(state.lock)) return;
  for (size_t i = 0; i < state.holder_count; ++i)
    if (state.holders[i].hold.word.access() == Access::shared) state.holders[i].likely = true;
}

void add_wait(LockState& state, const WaitView& wait) {
  if (!wait.word.condition()) ++state.waiting;
  if (state.waiter_count == kMaxWaiters) {
    ++state.waiters_left_out;
    return;
  }
  state.waiters[state.waiter_count++] = wait;
}

// A thread that polls with a short timeout is in a wait of its own in between: both are one. What the thread holds itself, it does
// not wait for.
void add_poll(LockState& state, const WaitView& poll) {
  const auto is_its = [&](const auto& view) { return view.identity.record == poll.identity.record; };
  const auto holds = [&](const HolderState& holder) { return is_its(holder.hold); };
  if (std::any_of(state.holders, state.holders + state.holder_count, holds)) return;
  WaitView* const end = state.waiters + state.waiter_count;
  WaitView* const wait = std::find_if(state.waiters, end, is_its);
  if (wait == end)
    add_wait(state, poll);
  else if (!wait->word.condition())
    *wait = poll;
}

void begin(LockWord lock, LockState* out) {
  out->lock = lock;
  out->holder_count = out->holders_left_out = 0;
  out->waiter_count = out->waiters_left_out = out->waiting = 0;
}

}  // namespace

bool describe_holder(const HoldView& hold, HolderState* out) {
  const InferredHold* inferred = inferred_hold(hold);
  Ownership ownership =
      inferred == nullptr ? confirm_ownership(hold) : confirm_ownership(hold.word, inferred->place.named());
  // A thread in the middle of its own lock call: no owner is named then.
  if (inferred != nullptr && inferred->inside_call && is_changing_hands(hold.word)) ownership = Ownership::unknown;
  *out = {hold, ownership == Ownership::unknown};
  if (inferred != nullptr) {
    out->where = inferred->place.where;
    out->pid = inferred->place.pid;
    out->id_in_lock = inferred->place.id_in_lock;
    out->inside_call = inferred->inside_call;
    out->hold.gone = is_gone(out->where);
    out->likely = out->likely || inferred->doubtful || inferred->place.likely;
  }
  return ownership != Ownership::refuted;
}

void read_lock_state(LockWord lock, LockIndex& lock_index, LockState* out) {
  begin(lock, out);
  lock_index.for_each_hold_of(lock, [&](const HoldView& hold) { add_hold(*out, hold); });
  lock_index.for_each_wait_for(lock, [&](const WaitView& wait) { add_wait(*out, wait); });
  for_each_poller([&](const WaitView& poll) {
    if (poll.word.is_lock_at(lock.address())) add_poll(*out, poll);
  });
  if (lock.kind() == LockKind::rwlock) doubt_surplus_readers(*out);
}

void read_cycle_state(const HolderState* holders, size_t count, LockIndex& lock_index, LockState* out) {
  begin(holders[0].hold.word, out);
  std::copy_n(holders, count, out->holders);
  out->holder_count = count;
  const auto is_member = [&](const WaitView& wait) {
    return std::any_of(holders, holders + count, [&](const HolderState& one) { return one.hold.tid == wait.tid; });
  };
  for (size_t i = 0; i < count; ++i) {
    if (!holders[i].holds_lock()) continue;
    lock_index.for_each_wait_for(holders[i].hold.word, [&](const WaitView& wait) {
      if (!is_member(wait)) add_wait(*out, wait);
    });
  }
}

bool still_holds(const HolderState& holder) {
  return holder.holds_lock() ? hold_lasts(holder.hold.identity)
                             : thread_lasts(holder.hold.identity.record, holder.hold.tid);
}

bool still_joins(const HolderState& holder) {
  JoinView join;
  return view_join(holder.join_record, &join) && join.state == holder.join_state;
}

namespace {

bool still_waits_for(const HolderState& next, const HolderState& holder) {
  if (holder.joins != 0) return still_joins(holder);
  WaitView wait;
  return view_wait_of(holder.hold, &wait) && wait.word.is_same_lock(next.hold.word) && !has_lost_its_frame(wait);
}

}  // namespace

bool cycle_lasts(const HolderState* holders, size_t count) {
  for (size_t i = 0; i < count; ++i)
    if (!still_holds(holders[i]) || !still_waits_for(holders[(i + 1) % count], holders[i])) return false;
  return true;
}

Acquired acquired_how(const HolderState& holder) {
  const HoldView& hold = holder.hold;
  if (holder.inside_call) return Acquired::inside_call;
  if (is_of_other_process(holder.where)) return Acquired::elsewhere;
  if (is_loader_lock(hold.word)) return Acquired::by_loader;
  if (is_inferred(hold.sites[0].pc))
    return inferred_since_attachment(hold.word) ? Acquired::before_attach : Acquired::unseen;
  return hold.word.condition() ? Acquired::by_condition_wait : Acquired::by_call;
}

}  // namespace holdwatch
