// See episode_reader.h.
#include "shim/watch/episode_reader.h"

#include <algorithm>

#include "shim/inspection/inferred_holds.h"
#include "shim/inspection/ownership.h"
#include "shim/inspection/stuck_lock.h"

namespace holdwatch {

void EpisodeReader::find(const Candidates& locks) {
  lock_index_.clear();
  for (size_t i = 0; i < locks.count; ++i) lock_index_.want(locks.locks[i]);
  lock_index_.walk();
}

void EpisodeReader::read(LockWord lock, const Timing& timing) {
  read_lock_state(lock, lock_index_, &state_);
  woken_waits_.count(state_, timing.now_ns());
}

bool EpisodeReader::update(Episode& episode, const Timing& timing) {
  if (is_cycle(episode.event)) {
    read_cycle_state(episode.holders, episode.holder_count, lock_index_, &state_);
    return cycle_lasts(episode.holders, episode.holder_count);
  }
  read(episode.lock, timing);
  LockWord held;
  if (episode.event == Event::corrupt && owner_of(episode.lock, &held) != 0)
    return false;  // its writer got it after all
  return is_about_holds(episode.event) ? note_overdue_holders(episode, timing) : note_overdue_waits(episode, timing);
}

void EpisodeReader::note_holders(Episode& episode, const Timing& timing) const {
  episode.holder_count = state_.holder_count;
  for (size_t i = 0; i < state_.holder_count; ++i) {
    episode.holders[i] = state_.holders[i];
    episode.started_ns[i] = timing.started_ns(state_.holders[i].hold);
  }
}

bool EpisodeReader::note_overdue_holders(Episode& episode, const Timing& timing) const {
  episode.holder_count = 0;
  for (size_t i = 0; i < state_.holder_count; ++i) {
    const HoldView& hold = state_.holders[i].hold;
    const bool is_stuck =
        is_held_for_ever(state_.holders[i]) && is_waited_for(timing.limits().if_stuck_ns(hold.word), timing);
    if (!is_stuck && !is_over(timing.age_of(hold), timing.limits().of(hold.word))) continue;
    episode.holders[episode.holder_count] = state_.holders[i];
    episode.started_ns[episode.holder_count++] = timing.started_ns(hold);
  }
  return episode.holder_count != 0;
}

bool EpisodeReader::is_waited_for(uint64_t limit_ns, const Timing& timing) const {
  return std::any_of(state_.waiters, state_.waiters + state_.waiter_count,
                     [&](const WaitView& wait) { return timing.is_over_limit(wait, limit_ns); });
}

// Notes who holds the lock; false if no wait for it is over the limit.
bool EpisodeReader::note_overdue_waits(Episode& episode, const Timing& timing) const {
  const bool any_is_over = is_waited_for(episode.limit_ns, timing);
  if (any_is_over) note_holders(episode, timing);
  return any_is_over;
}

Event EpisodeReader::event_of_waits(const Timing& timing) {
  const LockWord lock = state_.lock;
  const uint64_t limit_ns = timing.limits().if_stuck_ns(lock);
  if (!is_waited_for(limit_ns, timing)) return Event::wait;
  return holdwatch::event_of_waits(lock, lock_index_, timing.now_ns(), limit_ns);
}

void EpisodeReader::add_unseen_waiters(LockWord lock, const Timing& timing) {
  // Of a stream's waiters, those inside of stdio's functions have no record.
  const bool may_have_more = state_.waiting == 0 || lock.kind() == LockKind::stream;
  if (!may_have_more || !is_contended(lock)) return;
  // To look for them takes the system calls of all threads. Most are none: they have begun to wait since the walk.
  if (state_.waiting == 0) {
    lock_index_.clear();
    read(lock, timing);
    if (state_.waiting > 0 && lock.kind() != LockKind::stream) return;
  }
  if (!infer_unseen_waiters(lock)) return;
  lock_index_.clear();  // that walk did not include these locks
  read(lock, timing);
}

uint64_t EpisodeReader::oldest_age_ns(const Episode& episode, const Timing& timing) const {
  uint64_t oldest_ns = 0;
  if (!is_about_waits(episode.event)) {
    for (size_t i = 0; i < episode.holder_count; ++i)
      oldest_ns = std::max(oldest_ns, age_ns(episode.started_ns[i], timing.now_ns()));
  } else {
    for (size_t i = 0; i < state_.waiter_count; ++i)
      if (!state_.waiters[i].word.condition()) oldest_ns = std::max(oldest_ns, timing.age_of(state_.waiters[i]));
  }
  return oldest_ns;
}

}  // namespace holdwatch
