// See episode_beginning.h.
#include "shim/watch/episode_beginning.h"

#include <algorithm>

#include "shim/inspection/blocked_thread.h"
#include "shim/inspection/earlier_readers.h"
#include "shim/inspection/inferred_holds.h"
#include "shim/watch/cycle_reading.h"
#include "shim/watch/deadlocks.h"
#include "shim/watch/episode_following.h"
#include "shim/watch/inferred_edges.h"
#include "shim/watch/tree_following.h"
#include "shim/watch/tree_reading.h"
#include "shim/watch/wait_limits.h"

namespace holdwatch {
namespace {

bool is_known(const EpisodeContext& in, const Cycle& cycle) {
  return std::any_of(cycle.holds, cycle.holds + cycle.count, [&](const CycleHold& hold) {
    return hold.lock.empty() ? in.episodes.find_cycle_of_joined(hold.tid) != nullptr
                             : in.episodes.find_cycle(hold.lock.address()) != nullptr;
  });
}

// 0, for no limit, if holds and waits have none.
uint64_t limit_of_cycle(LockWord lock, const Timing& timing) {
  const uint64_t limit_ns = timing.limits().of(lock);
  if (limit_ns != kNoLimit) return limit_ns;
  return timing.limits().smallest_ns() == UINT64_MAX ? 0 : timing.limits().smallest_ns();
}

void begin_cycle(const EpisodeContext& in, const Cycle& cycle) {
  if (is_known(in, cycle)) return;
  Episode candidate{};
  Cycle recorded = cycle;
  InferredEdges inferred;
  if (!inferred.infer(recorded) || !prove_cycle(recorded, in.timing, candidate.holders)) return;
  const LockWord lock = candidate.holders[0].hold.word;
  Episode* episode = in.episodes.begin(cycle.count == 1 ? Event::self_deadlock : Event::deadlock, lock,
                                       limit_of_cycle(lock, in.timing));
  if (episode == nullptr) return;
  inferred.keep();
  episode->holder_count = cycle.count;
  for (size_t i = 0; i < cycle.count; ++i) {
    episode->holders[i] = candidate.holders[i];
    episode->started_ns[i] = started_ns(candidate.holders[i], in.timing);
  }
  tag_locks(*episode);
  in.reader.lock_index().clear();
  follow(in, *episode);
}

// An episode about the waits for the lock that was read last, unless there is one.
bool begin_episode_of_waits(const EpisodeContext& in, LockWord lock, Event event, uint64_t limit_ns) {
  if (in.episodes.find_wait(lock.address()) != nullptr) return true;
  Episode* episode = in.episodes.begin(event, lock, limit_ns);
  if (episode != nullptr) follow(in, *episode);
  return episode != nullptr;
}

// Nobody holds the lock, but its waiters cannot get it either.
bool begin_stuck(const EpisodeContext& in, LockWord lock) {
  const Event event = in.reader.event_of_waits(in.timing);
  return event != Event::wait && begin_episode_of_waits(in, lock, event, in.timing.limits().if_stuck_ns(lock));
}

// Whether other reports explain all holds that are over the limit. That of a deadlock does not explain another reader of its lock.
bool are_explained(const EpisodeContext& in, const Episode& candidate) {
  return std::all_of(candidate.holders, candidate.holders + candidate.holder_count, [&](const HolderState& holder) {
    const bool may_end = !is_held_for_ever(holder);
    return is_explained(in, holder.hold) ||
           (may_end && in.episodes.is_told_with_waits(candidate.lock, holder.hold.identity)) ||
           in.episodes.find_cycle_of_hold(candidate.lock.address(), holder.hold.tid) != nullptr;
  });
}

// Somebody waits for the lock, or for the end of a thread that holds it.
bool is_contended(const EpisodeContext& in, const Episode& candidate) {
  bool any = in.reader.state().waiting > 0;
  in.trees.for_each_behind(candidate.goal(), in.timing, [&](const TreeWait&) { any = true; });
  return any;
}

bool begin_hold(const EpisodeContext& in, LockWord lock) {
  const bool is_in_cycle = in.episodes.find_cycle(lock.address()) != nullptr;
  in.reader.read(lock, in.timing);
  Episode candidate{};
  candidate.lock = lock;
  // No holders: the candidate was left over from a hold that another thread ended, or the lock is stuck.
  if (!in.reader.note_overdue_holders(candidate, in.timing)) return is_in_cycle || begin_stuck(in, lock);
  if (are_explained(in, candidate)) return true;
  in.reader.add_unseen_waiters(lock, in.timing);
  if (in.rules.only == Only::contended && !is_contended(in, candidate)) return false;
  const LockWord held = candidate.holders[0].hold.word;
  Episode* episode = in.episodes.begin(event_of_holders(candidate), lock, in.timing.limits().if_stuck_ns(held));
  if (episode != nullptr) follow(in, *episode);
  return episode != nullptr;
}

// The root of a tree are readers that no record names: the episode is about those who wait for them. As early as it would be
// about the hold.
bool begin_unknown_readers(const EpisodeContext& in, LockWord lock) {
  in.reader.read(lock, in.timing);
  const uint64_t limit_ns = in.timing.limits().of(lock);
  return limit_ns != kNoLimit && in.reader.is_waited_for(limit_ns, in.timing) &&
         begin_episode_of_waits(in, lock, Event::wait, limit_ns);
}

// Begins the episode about the root of a tree before those about the holds behind it, which it explains then. Holds that
// began long ago, before an attachment, exceed their limits all at once.
class RootsFirst {
 public:
  explicit RootsFirst(const EpisodeContext& in) : in_(in) {}

  bool begin(LockWord lock) {
    in_.reader.read(lock, in_.timing);
    const LockState& state = in_.reader.state();
    for (size_t i = 0; i < state.holder_count; ++i) {
      const LockWord root = unreported_root(in_, state.holders[i].hold.tid);
      if (!root.empty() && !root.is_same_lock(lock) && !root.is_same_lock(latest_)) begin_one(latest_ = root);
    }
    // It may be the root of one before.
    return in_.episodes.find_hold(lock.address()) != nullptr || begin_one(lock);
  }

 private:
  bool begin_one(LockWord lock) {
    const size_t before = in_.episodes.active();
    const bool has_begun = has_only_earlier_readers(lock) ? begin_unknown_readers(in_, lock) : begin_hold(in_, lock);
    if (in_.episodes.active() != before) look_at_trees(in_);
    return has_begun;
  }

  const EpisodeContext& in_;
  LockWord latest_;
};

// Whether the thread's own hold is reported, and with it what it waits for.
bool has_own_report(const EpisodeContext& in, int tid) {
  return std::any_of(in.episodes.begin_iteration(), in.episodes.end_iteration(), [tid](const Episode& episode) {
    return episode.active && episode.posted && is_about_holds(episode.event) &&
           std::any_of(episode.holders, episode.holders + episode.holder_count,
                       [tid](const HolderState& holder) { return holder.hold.tid == tid; });
  });
}

// Whether a wait is long without the time until which a report explained it (0: none did).
bool is_long_by_itself(const EpisodeContext& in, const WaitView& wait, uint64_t explained_until_ns) {
  if (waits_for_reported(in, wait.tid) || (has_only_earlier_readers(wait.word) && has_own_report(in, wait.tid)))
    return false;
  if (explained_until_ns == 0) return true;
  const uint64_t began_ns = std::max(explained_until_ns, in.timing.started_ns(wait));
  return is_over(age_ns(began_ns, in.timing.now_ns()), in.timing.limits().of_waits_ns());
}

// Whether reports of holds explain all waits that are over the limit, of those for the lock that was read last.
bool are_waits_explained(const EpisodeContext& in) {
  const LockState& state = in.reader.state();
  const uint64_t until_ns = in.behind.waits.until_ns(state.lock);
  return std::none_of(state.waiters, state.waiters + state.waiter_count, [&](const WaitView& wait) {
    return !wait.word.condition() && is_long_by_itself(in, wait, until_ns);
  });
}

// The smallest that is exceeded, of the waits for the lock that was read last.
uint64_t exceeded_limit_ns(const EpisodeContext& in) {
  const LockState& state = in.reader.state();
  uint64_t smallest_ns = in.timing.limits().of_waits_ns();
  for (size_t i = 0; i < state.waiter_count; ++i) {
    const uint64_t limit_ns = limit_of_wait_ns(state.waiters[i], in.timing);
    if (in.timing.is_over_limit(state.waiters[i], limit_ns)) smallest_ns = std::min(smallest_ns, limit_ns);
  }
  return smallest_ns;
}

// Only if no hold explains the wait: a report about the hold lists its waiters.
bool begin_wait(const EpisodeContext& in, LockWord lock) {
  if (in.episodes.find_cycle(lock.address()) != nullptr) return true;
  in.reader.read(lock, in.timing);
  const LockState& state = in.reader.state();
  if (std::any_of(state.holders, state.holders + state.holder_count, is_held_for_ever)) return begin_hold(in, lock);
  if (begin_stuck(in, lock) || are_waits_explained(in)) return true;
  return begin_episode_of_waits(in, lock, Event::wait, exceeded_limit_ns(in));
}

}  // namespace

void begin_cycles(const EpisodeContext& in, CycleSearch& search) {
  read_waits(search, in.timing);
  if (!search.any_waits()) return;
  EpisodeContext context = in;
  search.find([](void* found, const Cycle& cycle) { begin_cycle(*static_cast<EpisodeContext*>(found), cycle); },
              &context, has_been_woken);
}

bool begin_hold_episodes(const EpisodeContext& in, const Candidates& candidates) {
  if (candidates.count == 0) return true;
  look_at_trees(in);
  in.reader.find(candidates);
  bool all = true;
  RootsFirst roots(in);
  for (size_t i = 0; i < candidates.count; ++i) all = roots.begin(candidates.locks[i]) && all;
  if (in.behind.count() > 0) look_at_trees(in);
  return all;
}

bool begin_wait_episodes(const EpisodeContext& in, const Candidates& candidates) {
  if (candidates.count == 0) return true;
  read_trees(in.trees, in.timing);
  in.reader.find(candidates);
  bool all = true;
  for (size_t i = 0; i < candidates.count; ++i) all = begin_wait(in, candidates.locks[i]) && all;
  return all;
}

}  // namespace holdwatch
