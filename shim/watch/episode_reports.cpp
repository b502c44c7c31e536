// See episode_reports.h.
#include "shim/watch/episode_reports.h"

#include <algorithm>

#include "shim/handoff/wanted_reports.h"
#include "shim/watch/post_request.h"
#include "shim/watch/tree_following.h"

namespace holdwatch {
namespace {

// What only the thread that unlocked has seen.
void post_ended(const EpisodeContext& in, Event event, EndedHold* ended, uint64_t start_ns, uint64_t limit_ns) {
  Episode episode{};
  episode.event = event;
  episode.number = in.episodes.next_number();
  episode.lock = ended->hold.word;
  if (ended->lock.id != 0)
    episode.tags[0] = ended->lock;
  else
    tag_locks(episode);
  episode.limit_ns = limit_ns;
  episode.holders[0] = {ended->hold, false};
  episode.started_ns[0] = start_ns;
  episode.holder_count = 1;
  episode.ended = ended;
  episode.ended_ns = ended->released_ns;
  if (post(episode, Phase::late, in.reader.state(), in.timing)) return;
  if (event == Event::hold) count_lost_hold();
  free_ended_hold(ended);
}

bool is_worth_report(const EpisodeContext& in, const HoldEnd& end, uint64_t start_ns) {
  return in.rules.only != Only::contended &&
         is_over(age_ns(start_ns, end.released_ns), in.timing.limits().of(end.lock));
}

// Whether each of its holders waits for a hold that has a report itself: then that one goes on, and this one does not.
bool is_behind_another(const EpisodeContext& in, const Episode& episode) {
  return is_about_holds(episode.event) &&
         std::all_of(episode.holders, episode.holders + episode.holder_count,
                     [&](const HolderState& holder) { return waits_for_reported(in, holder.hold.tid); });
}

// Waits for a lock of the deadlock, and holds that are all part of it.
bool is_explained_by_deadlock(const EpisodeContext& in, const Episode& episode) {
  if (is_cycle(episode.event) || in.episodes.find_cycle(episode.lock.address()) == nullptr) return false;
  return !is_about_holds(episode.event) || in.episodes.are_in_cycles(episode);
}

// With ONLY=auto, a hold that was reported is reported again only while somebody waits: a program that holds a lock for
// its whole life is mentioned once. For waiters without a record it is searched at the ages at which it would have been
// reported again; that costs system calls.
bool has_no_waiters(const EpisodeContext& in, Episode& episode, uint64_t oldest_ns) {
  if (in.rules.only != Only::automatic || !is_about_holds(episode.event)) return false;
  if (episode.waiting > 0 || episode.behind > 0) return false;
  if (oldest_ns < episode.next_search_age_ns) return true;
  episode.next_search_age_ns = next_report_age_ns(oldest_ns, episode.limit_ns);
  in.reader.add_unseen_waiters(episode.lock, in.timing);
  return in.reader.state().waiting == 0;
}

// Those who waited at the last look have waited on until the end.
void count_last_part(Episode& episode, uint64_t time_ns) {
  episode.lost_ns += episode.waiting * time_ns;
  episode.behind_lost_ns += episode.behind * time_ns;
}

}  // namespace

void report_if_due(const EpisodeContext& in, Episode& episode, uint64_t oldest_ns) {
  if (take_wanted_report(episode.number, &episode.next_age_ns)) episode.is_wanted = true;
  const bool goes_on = episode.posted && episode.next_age_ns != 0;
  const bool is_due = !goes_on || ((in.rules.repeat || episode.is_wanted) && oldest_ns >= episode.next_age_ns);
  if (!is_due || is_explained_by_deadlock(in, episode)) return;
  if (goes_on && !episode.is_wanted && (is_behind_another(in, episode) || has_no_waiters(in, episode, oldest_ns)))
    return;
  refresh_names(episode);
  if (is_about_holds(episode.event)) in.reader.add_unseen_waiters(episode.lock, in.timing);
  const Behind& behind = in.trees.describe_behind(episode.goal(), in.timing);
  if (!post(episode, episode.posted ? Phase::still : Phase::over, in.reader.state(), in.timing, &behind, &in.passing))
    return;
  episode.posted = true;
  episode.front = in.reader.state().waiting + behind.threads > 0 ? behind.front : 0;
  episode.is_wanted = false;
  episode.next_age_ns = next_report_age_ns(oldest_ns, episode.limit_ns);
}

void close_episode(const EpisodeContext& in, Episode& episode) {
  const bool has_report = episode.posted || (is_about_holds(episode.event) && episode.ended != nullptr);
  refresh_names(episode);
  if (has_report && !post(episode, Phase::released, in.reader.state(), in.timing, nullptr, &in.passing)) return;
  if (!has_report && episode.ended != nullptr) free_ended_hold(episode.ended);
  take_wanted_report(episode.number, &episode.next_age_ns);
  in.episodes.end(episode);
}

void end_episode(const EpisodeContext& in, Episode& episode) {
  episode.ended_ns = episode.ended == nullptr ? in.timing.now_ns() : episode.ended->released_ns;
  if (episode.ended_ns > episode.last_look_ns && episode.last_look_ns != 0)
    count_last_part(episode, episode.ended_ns - episode.last_look_ns);
  if (is_about_holds(episode.event)) in.behind.waits.note(episode.lock, episode.ended_ns);
  close_episode(in, episode);
}

void report_late(const EpisodeContext& in, EndedHold* ended) {
  const uint64_t start_ns = in.timing.started_ns(ended->hold);
  if (!is_worth_report(in, ended->end(), start_ns)) return free_ended_hold(ended);
  post_ended(in, Event::hold, ended, start_ns, in.timing.limits().of(ended->hold.word));
}

void count_unreported(const EpisodeContext& in, const HoldEnd& end) {
  if (is_worth_report(in, end, in.timing.latest_ns(end.since_ns))) count_lost_hold();
}

void report_stray_unlock(const EpisodeContext& in, EndedHold* ended) {
  post_ended(in, Event::stray_unlock, ended, ended->released_ns, 0);
}

}  // namespace holdwatch
