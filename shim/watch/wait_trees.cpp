// See wait_trees.h.
#include "shim/watch/wait_trees.h"

#include <algorithm>

#include "shim/inspection/blocked_thread.h"
#include "shim/inspection/inferred_holds.h"
#include "shim/inspection/ownership.h"
#include "shim/record/view.h"

namespace holdwatch {
namespace {

template <typename Ask>
bool remember(Known& known, Ask ask) {
  if (known == Known::no_one_asked) known = ask() ? Known::yes : Known::no;
  return known == Known::yes;
}

// The join or lock call is one that the thread really is in.
bool is_certain(const TreeWait& wait) {
  if (wait.is_join()) return true;  // seen when it was read
  return remember(wait.is_certain, [&] {
    WaitView view;
    return view_wait(wait.identity.record, &view) && view.identity == wait.identity &&
           is_blocked_for(view) != Blocked::no;
  });
}

uint64_t waited_ns(const TreeWait& wait, const Timing& timing) {
  return wait.is_taking_back() ? 0 : age_ns(timing.latest_ns(wait.since_ns), timing.now_ns());
}

int id_in_lock(const TreeHold& hold) {
  return hold.is_of_unknown() ? hold.tid : named_in_lock(hold.identity, hold.tid);
}

bool is_soon_over(const TreeHold& hold, const Timing& timing) {
  return remember(hold.is_soon_over, [&] {
    const uint64_t limit_ns = timing.limits().of(hold.lock);
    const uint64_t hold_age_ns = age_ns(timing.latest_ns(hold.since_ns), timing.now_ns());
    return limit_ns != kNoLimit && is_over(hold_age_ns + limit_ns / WaitTrees::kSoon, limit_ns) &&
           confirm_ownership(hold.lock, id_in_lock(hold)) != Ownership::refuted;
  });
}

}  // namespace

uint64_t held_since_ns(const HolderState* holders, size_t count, const Timing& timing) {
  uint64_t oldest_ns = UINT64_MAX;
  for (size_t i = 0; i < count; ++i) {
    const HoldView& hold = holders[i].hold;
    if (is_inferred(hold.sites[0].pc)) return 0;
    oldest_ns = std::min(oldest_ns, timing.started_ns(hold));
  }
  return count == 0 ? 0 : oldest_ns;
}

bool WaitTrees::add_wait(const TreeWait& wait) {
  if (wait_count_ == kMaxWaits) return false;
  waits_[wait_count_] = wait;
  waits_[wait_count_++].holds = PathStep::kNone;
  return true;
}

bool WaitTrees::add_hold(const TreeHold& hold) {
  if (hold_count_ == kMaxHolds) return false;
  holds_[hold_count_++] = hold;
  return true;
}

bool WaitTrees::has_wait_of(int tid) const {
  return std::any_of(waits_, waits_ + wait_count_, [tid](const TreeWait& wait) { return wait.tid == tid; });
}

bool WaitTrees::is_held_by_another(LockWord lock, int tid) const {
  return std::any_of(holds_, holds_ + hold_count_,
                     [&](const TreeHold& hold) { return hold.lock_key() == lock.address() && hold.tid != tid; });
}

// Of several holders, one that is soon over its limit and waits for nobody, or else the oldest, is the one to blame.
void WaitTrees::find_paths() {
  std::sort(waits_, waits_ + wait_count_, [](const TreeWait& a, const TreeWait& b) { return a.tid < b.tid; });
  std::sort(holds_, holds_ + hold_count_, [](const TreeHold& a, const TreeHold& b) {
    return a.lock_key() != b.lock_key() ? a.lock_key() < b.lock_key() : a.tid < b.tid;
  });
  WaitPaths<TreeWait, TreeHold> paths(waits_, wait_count_, holds_, hold_count_);
  paths.find([this](const TreeHold& one, bool waits, const TreeHold& other, bool other_waits) {
    const bool is_old = one.since_ns <= newest_ns_, other_is_old = other.since_ns <= newest_ns_;
    if (is_old != other_is_old) return is_old;
    return waits != other_waits ? !waits : one.since_ns < other.since_ns;
  });
  for (uint32_t i = 0; i < hold_count_; ++i) {
    const uint32_t wait = paths.wait_of(holds_[i].tid);
    if (wait == PathStep::kNone || holds_[i].is_life() || holds_[i].since_ns > newest_ns_) continue;
    uint32_t& oldest = waits_[wait].holds;
    if (oldest == PathStep::kNone || holds_[i].since_ns < holds_[oldest].since_ns) oldest = i;
  }
}

// The hold itself; of a thread that is joined, its oldest. Null if it is not soon over its limit.
const TreeHold* WaitTrees::overdue_hold_of(const TreeHold& hold, const Timing& timing) const {
  if (!hold.is_life()) return is_soon_over(hold, timing) ? &hold : nullptr;
  const TreeHold* oldest = nullptr;
  for (size_t i = 0; i < hold_count_; ++i) {
    const TreeHold& other = holds_[i];
    if (other.tid != hold.tid || other.is_life() || (oldest != nullptr && oldest->since_ns <= other.since_ns)) continue;
    if (is_soon_over(other, timing)) oldest = &other;
  }
  return oldest;
}

// Up the path, to its end or to what is known of it already, and back. The path must lead into no circle.
OverdueOnPath WaitTrees::overdue_on_path(uint32_t start, const Timing& timing) const {
  OverdueOnPath found = {true, nullptr, nullptr, false};
  uint32_t last = PathStep::kNone;
  for (uint32_t at = start; at != PathStep::kNone; at = waits_[at].path.next) {
    const TreeWait& wait = waits_[at];
    if (wait.overdue.is_known) {
      found = wait.overdue;
      break;
    }
    if (!leads_on(wait)) {
      wait.overdue = found;
      break;
    }
    wait.behind = last;
    last = at;
  }
  for (; last != PathStep::kNone; last = waits_[last].behind) {
    const TreeHold& awaited = holds_[waits_[last].path.hold];
    const TreeHold* const hold = overdue_hold_of(awaited, timing);
    if (hold != nullptr) found.first = hold;
    if (found.root == nullptr) {
      found.root = hold;
      found.joins_root = awaited.is_life();
    }
    waits_[last].overdue = found;
  }
  return found;
}

// Whether the way goes on beyond it for certain.
bool WaitTrees::leads_on(const TreeWait& wait) {
  return wait.path.hold != PathStep::kNone && is_certain(wait);
}

// When its thread began to wait, or, after a condition wait, could not have gone on any more.
uint64_t WaitTrees::began_ns(const TreeWait& wait, const Timing& timing) const {
  const uint64_t since_ns = timing.latest_ns(wait.since_ns);
  if (!wait.is_taking_back() || wait.path.hold == PathStep::kNone) return since_ns;
  return std::max(since_ns, timing.latest_ns(holds_[wait.path.hold].since_ns));
}

bool WaitTrees::find_blocker(int tid, const Timing& timing, Blocker* out) const {
  const uint32_t at = paths().wait_of(tid);
  if (at == PathStep::kNone || waits_[at].path.last == PathStep::kNone) return false;
  const OverdueOnPath overdue = overdue_on_path(at, timing);
  if (overdue.root == nullptr) return false;
  *out = {*overdue.root, *overdue.first, overdue.joins_root, began_ns(waits_[at], timing)};
  return true;
}

bool WaitGoal::is_lock_of(const TreeWait& wait) const {
  if (wait.is_join()) return false;
  if (!is_cycle) return wait.lock_key() == lock.address();
  return std::any_of(holders, holders + count,
                     [&](const HolderState& holder) { return holder.hold.word.is_lock_at(wait.lock.address()); });
}

bool WaitGoal::is_met_by(const TreeWait& wait) const {
  if (!wait.is_join()) return is_lock_of(wait);
  return std::any_of(holders, holders + count,
                     [&](const HolderState& holder) { return holder.hold.tid == wait.joined; });
}

bool WaitGoal::is_part_of_cycle(int tid) const {
  return is_cycle &&
         std::any_of(holders, holders + count, [tid](const HolderState& holder) { return holder.hold.tid == tid; });
}

// Up the path, to the goal, to its end or to what is known of it already, and back. A path around another circle than the goal
// meets itself, and leads nowhere.
bool WaitTrees::leads_to(uint32_t start, const WaitGoal& goal, const Timing& timing) const {
  if (!goal.is_cycle && waits_[start].path.last == PathStep::kNone) return false;
  bool leads = false;
  uint64_t since_ns = 0;
  uint32_t last = PathStep::kNone;
  for (uint32_t at = start; at != PathStep::kNone && !leads; at = waits_[at].path.next) {
    const TreeWait& wait = waits_[at];
    if (wait.goal == goals_) {
      leads = wait.leads_to_goal;
      since_ns = wait.behind_since_ns;
      break;
    }
    wait.goal = goals_;
    wait.leads_to_goal = false;
    wait.behind = last;
    last = at;
    leads = goal.is_met_by(wait);
  }
  for (; last != PathStep::kNone; last = waits_[last].behind) {
    const TreeWait& wait = waits_[last];
    since_ns = std::max(since_ns, wait.is_taking_back() ? timing.now_ns() : timing.latest_ns(wait.since_ns));
    wait.leads_to_goal = leads;
    wait.behind_since_ns = since_ns;
  }
  return leads;
}

// The way to it is longer; a thread counts as a part of that if it holds something itself.
bool WaitTrees::is_farther(const TreeWait& wait, const TreeWait& other) const {
  const auto steps = [](const TreeWait& one) { return one.path.length + (one.holds == PathStep::kNone ? 0 : 1); };
  return steps(wait) != steps(other) ? steps(wait) > steps(other) : wait.since_ns < other.since_ns;
}

// The holder that a report puts first, and that its chain leads through. Who waits for the lock waits for all of its holders:
// the oldest stands for them, if it does not wait in a circle. If the others only join holders, it is the one that the farthest
// of them is behind.
const HolderState* WaitTrees::front_of(const WaitGoal& goal, const Timing& timing) const {
  const HolderState* const end = goal.holders + goal.count;
  if (goal.count < 2) return goal.count == 0 ? nullptr : goal.holders;
  const TreeWait* farthest = nullptr;
  bool any_waits_for_lock = false;
  for_each_behind(goal, timing, [&](const TreeWait& wait) {
    any_waits_for_lock |= goal.is_lock_of(wait);
    if (farthest == nullptr || is_farther(wait, *farthest)) farthest = &wait;
  });
  if (farthest != nullptr && !any_waits_for_lock) {
    while (!goal.is_met_by(*farthest)) farthest = &waits_[farthest->path.next];
    return std::find_if(goal.holders, end,
                        [&](const HolderState& holder) { return holder.hold.tid == farthest->joined; });
  }
  const auto is_in_circle = [&](const HolderState& holder) {
    const uint32_t wait = paths().wait_of(holder.hold.tid);
    return wait != PathStep::kNone && waits_[wait].path.last == PathStep::kNone;
  };
  return std::min_element(goal.holders, end, [&](const HolderState& one, const HolderState& other) {
    if (is_in_circle(one) != is_in_circle(other)) return !is_in_circle(one);
    return timing.started_ns(one.hold) < timing.started_ns(other.hold);
  });
}

const Behind& WaitTrees::describe_behind(const WaitGoal& goal, const Timing& timing) {
  behind_.threads = behind_.step_count = behind_.steps_left_out = 0;
  behind_.longest_ns = behind_.lost_ns = behind_.way_lost_ns = 0;
  const uint64_t held_ns = goal.is_cycle ? 0 : held_since_ns(goal.holders, goal.count, timing);
  const HolderState* const front = goal.is_cycle ? nullptr : front_of(goal, timing);
  behind_.front = front == nullptr ? 0 : front->hold.tid;
  const WaitGoal shown = goal.is_cycle ? goal : WaitGoal{goal.lock, front, front == nullptr ? size_t{0} : size_t{1}};
  const TreeWait* farthest = nullptr;
  for_each_behind(shown, timing, [&](const TreeWait& wait) {
    if (farthest == nullptr || is_farther(wait, *farthest)) farthest = &wait;
    if (goal.is_lock_of(wait)) return;
    ++behind_.threads;
    behind_.lost_ns += age_ns(std::max(wait.behind_since_ns, held_ns), timing.now_ns());
    behind_.longest_ns = std::max(behind_.longest_ns, waited_ns(wait, timing));
  });
  if (!shown.is_cycle) describe_way(shown, farthest, timing);
  return behind_;
}

// From the root to the farthest. A cycle has no root.
void WaitTrees::describe_way(const WaitGoal& goal, const TreeWait* farthest, const Timing& timing) {
  if (farthest != nullptr) add_chain(*farthest, goal, timing);
  if (goal.count == 0) return;
  behind_.way_lost_ns = waited_on_way_ns(goal.holders->hold.tid, timing);
}

// By the threads that the holder waits for, directly or through others, up to the root.
uint64_t WaitTrees::waited_on_way_ns(int holder, const Timing& timing) const {
  const uint32_t start = paths().wait_of(holder);
  if (start == PathStep::kNone || waits_[start].path.last == PathStep::kNone) return 0;
  uint64_t sum_ns = 0;
  for (uint32_t at = waits_[start].path.next; at != PathStep::kNone; at = waits_[at].path.next)
    sum_ns += waited_ns(waits_[at], timing);
  return sum_ns;
}

void WaitTrees::add_step(size_t index, uint32_t hold, const TreeWait& wait, const Timing& timing) {
  if (index >= Behind::kMaxSteps) return;
  behind_.steps[index] = {holds_[hold].lock, wait.tid, wait.lock, wait.joined, wait.identity, waited_ns(wait, timing)};
}

// The threads between this waiting one and the lock, or its holder's end; itself only if it holds something.
void WaitTrees::add_chain(const TreeWait& farthest, const WaitGoal& goal, const Timing& timing) {
  const bool is_part = farthest.holds != PathStep::kNone;
  size_t length = is_part ? 1 : 0;
  const auto goes_on = [&](const TreeWait& at) { return !goal.is_met_by(at) && at.path.next != PathStep::kNone; };
  for (const TreeWait* at = &farthest; goes_on(*at); at = &waits_[at->path.next]) ++length;
  behind_.step_count = std::min(length, Behind::kMaxSteps);
  behind_.steps_left_out = length - behind_.step_count;
  if (is_part) add_step(--length, farthest.holds, farthest, timing);
  for (const TreeWait* at = &farthest; length > 0; at = &waits_[at->path.next])
    add_step(--length, at->path.hold, waits_[at->path.next], timing);
}

}  // namespace holdwatch
