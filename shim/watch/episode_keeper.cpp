// See episode_keeper.h.
#include "shim/watch/episode_keeper.h"

#include <algorithm>
#include <initializer_list>

#include "shim/inspection/blocked_thread.h"
#include "shim/inspection/inferred_holds.h"
#include "shim/record/thread_table.h"
#include "shim/watch/deadlocks.h"
#include "shim/watch/posting.h"

namespace holdwatch {
namespace {

// How long it may be until all episodes are followed again: so that this takes a eight-hundredth of the time at most, by
// what a record and an episode cost. A handful of threads is followed at each look, ten thousand every second or two.
uint64_t following_interval_ns(size_t episodes, const Timing& timing) {
  constexpr uint64_t kShare = 800;
  constexpr uint64_t kPerRecordNs = 100;
  constexpr uint64_t kPerEpisodeNs = 5'000;  // most of it system calls that read the lock
  constexpr uint64_t kMaxPeriods = 16;
  const uint64_t cost_ns = record_limit() * kPerRecordNs + episodes * kPerEpisodeNs;
  return std::min(std::max(kShare * cost_ns, timing.wake_period_ns()), kMaxPeriods * timing.wake_period_ns());
}

// What a thread that has exited holds is held for ever. Of readers the lock does not say who they are: another thread may
// have given the lock up in its stead.
bool is_held_for_ever(const HolderState& holder) {
  return holder.hold.gone && !holder.likely;
}

Event event_of(const Episode& episode) {
  const HolderState* const end = episode.holders + episode.holder_count;
  const HolderState* const gone = std::find_if(episode.holders, end, is_held_for_ever);
  if (gone == end) return Event::hold;
  return gone->where == Whereabouts::of_parent ? Event::fork_orphan : Event::abandoned;
}

}  // namespace

void EpisodeKeeper::start(const Settings& settings) {
  only_ = settings.only;
  repeat_ = settings.repeat;
}

void EpisodeKeeper::take_ended_holds(const Timing& timing, Episode* followed, const Episode* before) {
  while (EndedHold* ended = take_ended_hold()) {
    const Identity& identity = ended->hold.identity;
    const bool was_its = before != nullptr && is_about_holds(before->event) && has_holder(*before, identity);
    Episode* episode = was_its ? followed : episodes_.find_holder(identity);
    if (episode == nullptr)
      report_late(ended, timing);
    else
      note_ended(*episode, ended);
  }
}

// Looks for the locks of the episodes that are to be followed now. A hold that was handed over has ended: that is told at
// once. False: none is to be followed.
bool EpisodeKeeper::see_due_episodes(const Timing& timing) {
  followed_all_ = false;
  if (episodes_.active() == 0) return false;
  const bool all = followed_all_ = timing.now_ns() >= follow_due_ns_;
  if (all) follow_due_ns_ = timing.now_ns() + following_interval_ns(episodes_.active(), timing);
  // What a hold's release says of a deadlock that the hold was part of is to be told first.
  const bool has_ended_hold =
      std::any_of(episodes_.begin_iteration(), episodes_.end_iteration(),
                  [](const Episode& episode) { return episode.active && episode.ended != nullptr; });
  bool any = false;
  lock_index_.clear();
  for (Episode* episode = episodes_.begin_iteration(); episode != episodes_.end_iteration(); ++episode) {
    episode->due = episode->active && (all || episode->ended != nullptr || episode->ended_ns != 0 ||
                                       (has_ended_hold && is_cycle(episode->event)));
    any |= episode->due;
    if (!episode->due || episode->ended_ns != 0) continue;
    lock_index_.want(episode->lock);
    if (is_cycle(episode->event))
      for (size_t i = 1; i < episode->holder_count; ++i) lock_index_.want(episode->holders[i].hold.word);
  }
  lock_index_.walk();
  return any;
}

bool EpisodeKeeper::follow_all(const Timing& timing) {
  const size_t before = episodes_.active();
  if (!see_due_episodes(timing)) return true;
  // That a deadlock is over comes before what its threads do then.
  for (const bool cycles : {true, false})
    for (Episode* episode = episodes_.begin_iteration(); episode != episodes_.end_iteration(); ++episode)
      if (episode->active && episode->due && is_cycle(episode->event) == cycles) follow(*episode, timing);
  return episodes_.active() == before;
}

void EpisodeKeeper::see_all(const Candidates& candidates) {
  lock_index_.clear();
  for (size_t i = 0; i < candidates.count; ++i) lock_index_.want(candidates.locks[i]);
  lock_index_.walk();
}

void EpisodeKeeper::begin_cycles(const Timing& timing) {
  read_waits(cycle_search_);
  if (!cycle_search_.any_waits()) return;
  struct Context {
    EpisodeKeeper* self;
    const Timing* timing;
  } context{this, &timing};
  cycle_search_.find(
      [](void* found, const Cycle& cycle) {
        const auto* in = static_cast<const Context*>(found);
        in->self->begin_cycle(cycle, *in->timing);
      },
      &context, has_been_woken);
}

void EpisodeKeeper::begin_cycle(const Cycle& cycle, const Timing& timing) {
  for (size_t i = 0; i < cycle.count; ++i)
    if (episodes_.find_cycle(cycle.holds[i].lock.address()) != nullptr) return;
  Episode candidate{};
  if (!prove_cycle(cycle, timing, candidate.holders)) return;
  const LockWord lock = candidate.holders[0].hold.word;
  const uint64_t own_limit_ns = timing.limit_of(lock);
  Episode* episode = episodes_.begin(cycle.count == 1 ? Event::self_deadlock : Event::deadlock, lock,
                                     own_limit_ns == kNoLimit ? timing.smallest_limit_ns() : own_limit_ns);
  if (episode == nullptr) return;
  episode->holder_count = cycle.count;
  for (size_t i = 0; i < cycle.count; ++i) {
    episode->holders[i] = candidate.holders[i];
    episode->started_ns[i] = timing.started_ns(candidate.holders[i].hold);
  }
  tag_locks(*episode);
  lock_index_.clear();
  follow(*episode, timing);
}

bool EpisodeKeeper::begin_hold_episodes(const Candidates& candidates, const Timing& timing) {
  see_all(candidates);
  bool all = true;
  for (size_t i = 0; i < candidates.count; ++i) all = begin_hold(candidates.locks[i], timing) && all;
  return all;
}

bool EpisodeKeeper::begin_wait_episodes(const Candidates& candidates, const Timing& timing) {
  see_all(candidates);
  bool all = true;
  for (size_t i = 0; i < candidates.count; ++i) all = begin_wait(candidates.locks[i], timing) && all;
  return all;
}

bool EpisodeKeeper::begin_hold(LockWord lock, const Timing& timing) {
  if (episodes_.find_cycle(lock.address()) != nullptr) return true;
  read_lock_state(lock, lock_index_, &state_);
  Episode candidate{};
  candidate.lock = lock;
  if (!note_overdue_holders(candidate, timing)) return false;  // left over from a hold that another thread ended
  add_unseen_waiters(lock);
  if (only_ == Only::contended && state_.waiting == 0) return false;
  const LockWord held = candidate.holders[0].hold.word;
  Episode* episode = episodes_.begin(event_of(candidate), lock, timing.stuck_limit_ns(held));
  if (episode != nullptr) follow(*episode, timing);
  return episode != nullptr;
}

// Only where no hold explains the wait: the hold's report lists its waiters.
bool EpisodeKeeper::begin_wait(LockWord lock, const Timing& timing) {
  if (episodes_.find_cycle(lock.address()) != nullptr) return true;
  read_lock_state(lock, lock_index_, &state_);
  if (std::any_of(state_.holders, state_.holders + state_.holder_count, is_held_for_ever))
    return begin_hold(lock, timing);
  Episode* episode = episodes_.begin(Event::wait, lock, timing.wait_limit_ns());
  if (episode != nullptr) follow(*episode, timing);
  return episode != nullptr;
}

// Notes all of the lock's present holders.
void EpisodeKeeper::note_holders(Episode& episode, const Timing& timing) {
  episode.holder_count = state_.holder_count;
  for (size_t i = 0; i < state_.holder_count; ++i) {
    episode.holders[i] = state_.holders[i];
    episode.started_ns[i] = timing.started_ns(state_.holders[i].hold);
  }
}

// Notes which of the lock's present holders are over the limit; false if none is. A hold that is for ever need not be, where
// somebody waits so long for it: we may have seen it late.
bool EpisodeKeeper::note_overdue_holders(Episode& episode, const Timing& timing) {
  episode.holder_count = 0;
  for (size_t i = 0; i < state_.holder_count; ++i) {
    const HoldView& hold = state_.holders[i].hold;
    const bool is_stuck =
        is_held_for_ever(state_.holders[i]) && is_waited_for(timing.stuck_limit_ns(hold.word), timing);
    if (!is_stuck && !is_over(timing.age_of(hold), timing.limit_of(hold.word))) continue;
    episode.holders[episode.holder_count] = state_.holders[i];
    episode.started_ns[episode.holder_count++] = timing.started_ns(hold);
  }
  return episode.holder_count != 0;
}

// Whether a wait for the lock is over this limit.
bool EpisodeKeeper::is_waited_for(uint64_t limit_ns, const Timing& timing) const {
  return std::any_of(state_.waiters, state_.waiters + state_.waiter_count,
                     [&](const WaitView& wait) { return timing.is_over_limit(wait, limit_ns); });
}

// Notes who holds the lock; false if no wait for it is over the limit.
bool EpisodeKeeper::note_overdue_waits(Episode& episode, const Timing& timing) {
  const bool any_is_over = is_waited_for(episode.limit_ns, timing);
  if (any_is_over) note_holders(episode, timing);
  return any_is_over;
}

// Looks at the lock, or at the cycle's locks, and notes what the episode is about; false if that is over.
bool EpisodeKeeper::note_state(Episode& episode, const Timing& timing) {
  if (is_cycle(episode.event)) {
    read_cycle_state(episode.holders, episode.holder_count, lock_index_, &state_);
    return cycle_lasts(episode.holders, episode.holder_count);
  }
  read_lock_state(episode.lock, lock_index_, &state_);
  return is_about_holds(episode.event) ? note_overdue_holders(episode, timing) : note_overdue_waits(episode, timing);
}

// Of what the episode is about: its holds that are over the limit, or the waits.
uint64_t EpisodeKeeper::oldest_age_ns(const Episode& episode, const Timing& timing) const {
  uint64_t oldest_ns = 0;
  if (episode.event != Event::wait) {
    for (size_t i = 0; i < episode.holder_count; ++i)
      oldest_ns = std::max(oldest_ns, age_ns(episode.started_ns[i], timing.now_ns()));
  } else {
    for (size_t i = 0; i < state_.waiter_count; ++i)
      if (!state_.waiters[i].word.condition()) oldest_ns = std::max(oldest_ns, timing.age_of(state_.waiters[i]));
  }
  return oldest_ns;
}

void EpisodeKeeper::follow(Episode& episode, const Timing& timing) {
  if (episode.ended_ns != 0) return close(episode, timing);
  const Episode before = episode;
  const bool lasts = note_state(episode, timing);
  // Who is gone has handed the hold over before, but maybe after that was looked for: told later, it would be told once more.
  if (!lasts || has_lost_holder(episode, before)) take_ended_holds(timing, &episode, &before);
  if (!lasts) {
    EndedHold* const ended = episode.ended;
    episode = before;
    episode.ended = ended;
    return end(episode, timing);
  }
  if (episode.event == Event::hold && event_of(episode) != Event::hold) {
    episode.event = event_of(episode);
    episode.next_age_ns = 0;  // worth a report at once
  }
  count_waiting(episode, state_, timing.history(), timing.now_ns());
  tell(episode, oldest_age_ns(episode, timing), timing);
}

// Where the records show nobody who waits, but the lock says that somebody does: by a call that we have not seen.
void EpisodeKeeper::add_unseen_waiters(LockWord lock) {
  if (state_.waiting > 0 || !infer_unseen_waiters(lock)) return;
  lock_index_.clear();  // that walk knows nothing of them
  read_lock_state(lock, lock_index_, &state_);
}

// At first, and again at 2x, 4x, 8x ... of the limit. What the reporter has no room for comes at the next look; what is
// part of a deadlock is told there.
void EpisodeKeeper::tell(Episode& episode, uint64_t oldest_ns, const Timing& timing) {
  const bool is_due = !episode.posted || episode.next_age_ns == 0 || (repeat_ && oldest_ns >= episode.next_age_ns);
  if (!is_due || (!is_cycle(episode.event) && episodes_.find_cycle(episode.lock.address()) != nullptr)) return;
  refresh_names(episode);
  if (is_about_holds(episode.event)) add_unseen_waiters(episode.lock);
  if (!post(episode, episode.posted ? Phase::still : Phase::over, state_, timing)) return;
  episode.posted = true;
  episode.next_age_ns = next_report_age_ns(oldest_ns, episode.limit_ns);
}

void EpisodeKeeper::end(Episode& episode, const Timing& timing) {
  episode.ended_ns = episode.ended == nullptr ? timing.now_ns() : episode.ended->released_ns;
  if (episode.ended_ns > episode.last_look_ns && episode.last_look_ns != 0)
    episode.lost_ns += episode.waiting * (episode.ended_ns - episode.last_look_ns);
  close(episode, timing);
}

// Posts the closing line; if the reporter is too far behind, again at the next look. A hold whose first report could not
// be posted in time is told all the same: the reporter makes a late report of it.
void EpisodeKeeper::close(Episode& episode, const Timing& timing) {
  const bool has_story = episode.posted || (is_about_holds(episode.event) && episode.ended != nullptr);
  refresh_names(episode);
  if (has_story && !post(episode, Phase::released, state_, timing)) return;
  if (!has_story && episode.ended != nullptr) give_back(episode.ended);
  episodes_.end(episode);
}

// A hold that nobody looked at while it was over its limit.
void EpisodeKeeper::report_late(EndedHold* ended, const Timing& timing) {
  const uint64_t start_ns = timing.started_ns(ended->hold);
  const uint64_t limit_ns = timing.limit_of(ended->hold.word);
  const bool wanted = is_over(age_ns(start_ns, ended->released_ns), limit_ns) && only_ == Only::all;
  Episode episode{};
  episode.event = Event::hold;
  episode.number = wanted ? episodes_.next_number() : 0;
  episode.lock = ended->hold.word;
  if (ended->lock.id != 0)
    episode.tags[0] = ended->lock;
  else if (wanted)
    tag_locks(episode);
  episode.limit_ns = limit_ns;
  episode.holders[0] = {ended->hold, false};
  episode.started_ns[0] = start_ns;
  episode.holder_count = 1;
  episode.ended = ended;
  episode.ended_ns = ended->released_ns;
  if (wanted && post(episode, Phase::late, state_, timing)) return;
  if (wanted) count_lost_hold();
  give_back(ended);
}

void EpisodeKeeper::report_all_holds(const Timing& timing) {
  begin_cycles(timing);
  Candidates held;
  for_each_hold(UINT64_MAX, [&](const HoldView& hold) { held.add(hold.word); });
  see_all(held);
  for (Episode* cycle = episodes_.begin_iteration(); cycle != episodes_.end_iteration(); ++cycle)
    if (cycle->active && cycle->ended_ns == 0 && is_cycle(cycle->event)) report_cycle(*cycle, timing);
  for (size_t i = 0; i < held.count; ++i)
    if (episodes_.find_cycle(held.locks[i].address()) == nullptr) report_holds_of(held.locks[i], timing);
}

void EpisodeKeeper::report_cycle(const Episode& cycle, const Timing& timing) {
  Episode episode = cycle;
  episode.number = 0;
  episode.limit_ns = 0;
  if (note_state(episode, timing)) post(episode, Phase::snapshot, state_, timing);
}

void EpisodeKeeper::report_holds_of(LockWord lock, const Timing& timing) {
  read_lock_state(lock, lock_index_, &state_);
  Episode episode{};
  episode.lock = lock;
  note_holders(episode, timing);
  episode.event = event_of(episode);
  tag_locks(episode);
  count_waiting(episode, state_, timing.history(), timing.now_ns());
  if (episode.holder_count > 0) post(episode, Phase::snapshot, state_, timing);
}

}  // namespace holdwatch
