// See episode_following.h.
#include "shim/watch/episode_following.h"

#include <algorithm>
#include <initializer_list>

#include "shim/record/thread_table.h"
#include "shim/watch/episode_reports.h"
#include "shim/watch/tree_following.h"
#include "shim/watch/tree_reading.h"

namespace holdwatch {
namespace {

// The time until all episodes are followed again, chosen so that following takes at most 1/800 of the time, estimated
// from the cost per record, which is read twice (LockIndex, WaitTrees), and per episode, or hold behind one. With a handful of threads, episodes are followed at each wake-up; with ten
// thousand, every second or two.
uint64_t following_interval_ns(size_t holds, const Timing& timing) {
  constexpr uint64_t kShare = 800;
  constexpr uint64_t kPerRecordNs = 200;
  constexpr uint64_t kPerHoldNs = 5'000;  // most of it system calls that read the lock
  constexpr uint64_t kMaxPeriods = 16;
  const uint64_t cost_ns = record_limit() * kPerRecordNs + holds * kPerHoldNs;
  return std::min(std::max(kShare * cost_ns, timing.wake_period_ns()), kMaxPeriods * timing.wake_period_ns());
}

// The one that the hold belongs to, or null. `followed` was `before` until just now.
Episode* episode_of(const EpisodeContext& in, const Identity& hold, Episode* followed, const Episode* before) {
  const bool was_its = before != nullptr && is_about_holds(before->event) && has_holder(*before, hold);
  return was_its ? followed : in.episodes.find_holder(hold);
}

// An episode that has been reported is closed all the same, and one hold of a tree needs no report of its own.
void take_brief_ends(const EpisodeContext& in, Episode* followed, const Episode* before) {
  HoldEnd end;
  while (take_brief_end(&end)) {
    const Episode* const episode = episode_of(in, end.identity, followed, before);
    if (episode != nullptr ? episode->posted : take_end_of_explained(in, end)) continue;
    count_unreported(in, end);
  }
}

}  // namespace

void take_ended_holds(const EpisodeContext& in, Episode* followed, const Episode* before) {
  while (EndedHold* ended = take_ended_hold()) {
    if (ended->is_stray) {
      report_stray_unlock(in, ended);
      continue;
    }
    Episode* const episode = episode_of(in, ended->hold.identity, followed, before);
    if (episode != nullptr)
      note_ended(*episode, ended);
    else if (!take_end_of_explained(in, ended->end(), ended))
      report_late(in, ended);
  }
  take_brief_ends(in, followed, before);
  settle_ended(in);
}

void follow(const EpisodeContext& in, Episode& episode) {
  if (episode.ended_ns != 0) return close_episode(in, episode);
  const Episode before = episode;
  bool lasts = in.reader.update(episode, in.timing);
  const bool has_lost = !lasts || has_lost_holder(episode, before);
  // A holder that is gone has handed its hold over, perhaps after the last look for ended holds: taken later, the hold
  // would be reported twice.
  if (has_lost) take_ended_holds(in, &episode, &before);
  // What is left of its holders the report of a deadlock explains.
  if (has_lost && is_about_holds(episode.event) && in.episodes.are_in_cycles(episode)) lasts = false;
  if (!lasts) {
    EndedHold* const ended = episode.ended;
    episode = before;
    episode.ended = ended;
    return end_episode(in, episode);
  }
  if (episode.event == Event::hold && event_of_holders(episode) != Event::hold) {
    episode.event = event_of_holders(episode);
    episode.next_age_ns = 0;  // worth a report at once
  }
  if (episode.event == Event::wait) {
    episode.event = in.reader.event_of_waits(in.timing);
    if (episode.event != Event::wait) episode.next_age_ns = 0;
  }
  read_trees(in.trees, in.timing);
  count_behind(episode, in.trees, in.timing);
  count_waiting(episode, in.reader.state(), in.timing);
  in.episodes.note_tree(episode, in.reader.state(), in.trees, in.timing);
  report_if_due(in, episode, in.reader.oldest_age_ns(episode, in.timing));
}

// Looks up the locks of the episodes that are to be followed now. An episode whose hold was handed over is followed at
// once: the hold has ended. False if no episode is to be followed.
bool EpisodeFollower::find_due_episodes(const EpisodeContext& in) {
  followed_all_ = false;
  if (in.episodes.active() == 0) return false;
  const bool all = followed_all_ = in.timing.now_ns() >= follow_due_ns_;
  if (all)
    follow_due_ns_ = in.timing.now_ns() + following_interval_ns(in.episodes.active() + in.behind.count(), in.timing);
  // If the released hold was part of a deadlock, what its release means for the deadlock is reported first.
  const bool has_ended_hold =
      std::any_of(in.episodes.begin_iteration(), in.episodes.end_iteration(),
                  [](const Episode& episode) { return episode.active && episode.ended != nullptr; });
  bool any = false;
  in.reader.lock_index().clear();
  for (Episode* episode = in.episodes.begin_iteration(); episode != in.episodes.end_iteration(); ++episode) {
    episode->due = episode->active && (all || episode->ended != nullptr || episode->ended_ns != 0 ||
                                       (has_ended_hold && is_cycle(episode->event)));
    any |= episode->due;
    if (!episode->due || episode->ended_ns != 0) continue;
    in.reader.lock_index().want(episode->lock);
    if (is_cycle(episode->event))
      for (size_t i = 1; i < episode->holder_count; ++i) in.reader.lock_index().want(episode->holders[i].hold.word);
  }
  in.reader.lock_index().walk();
  return any;
}

bool EpisodeFollower::follow_all(const EpisodeContext& in) {
  const size_t before = in.episodes.active();
  if (!find_due_episodes(in)) {
    if (before == 0 && in.behind.count() > 0) look_at_trees(in);
    return true;
  }
  // The end of a deadlock is reported before what its threads do afterwards.
  for (const bool cycles : {true, false})
    for (Episode* episode = in.episodes.begin_iteration(); episode != in.episodes.end_iteration(); ++episode)
      if (episode->active && episode->due && is_cycle(episode->event) == cycles) follow(in, *episode);
  if (in.behind.count() > 0) look_at_trees(in);
  return in.episodes.active() == before;
}

}  // namespace holdwatch
