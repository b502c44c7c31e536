// See tree_following.h.
#include "shim/watch/tree_following.h"

#include <algorithm>

#include "shim/watch/episode_reports.h"
#include "shim/watch/tree_reading.h"

namespace holdwatch {
namespace {

// Whether it is part of a deadlock that is reported. Without a lock: its thread is, because another one joins it.
bool is_in_deadlock(const EpisodeContext& in, const TreeHold& hold) {
  const Episode* const cycle = hold.is_life() ? in.episodes.find_cycle_of_joined(hold.tid)
                                              : in.episodes.find_cycle_of_hold(hold.lock.address(), hold.tid);
  return cycle != nullptr && cycle->ended_ns == 0;
}

bool has_report(const EpisodeContext& in, const TreeHold& root) {
  if (is_in_deadlock(in, root)) return true;
  const uintptr_t lock = root.lock.address();
  const Episode* const episode = root.is_of_unknown() ? in.episodes.find_wait(lock) : in.episodes.find_hold(lock);
  if (episode != nullptr && episode->ended_ns == 0) return true;
  if (!root.is_of_unknown() && in.episodes.is_told_with_waits(root.lock, root.identity)) return true;
  const BehindHold* const behind = in.behind.find(root.identity);
  return behind != nullptr && behind->root_has_report;
}

// Whether a report says why those wait who are behind the root. That of a lock with several readers has those behind one of them, the
// front, and those who wait for the lock: not who joins another reader.
bool is_told(const EpisodeContext& in, const WaitTrees::Blocker& blocker) {
  if (!has_report(in, blocker.root)) return false;
  const Episode* const episode = blocker.joins_root ? in.episodes.find_hold(blocker.root.lock.address()) : nullptr;
  return episode == nullptr || episode->front == 0 || episode->front == blocker.root.tid;
}

// Whether it will have a report in a moment: it exceeds its limit just now.
bool is_about_due(const EpisodeContext& in, const TreeHold& root) {
  const uint64_t limit_ns = in.timing.limits().of(root.lock);
  const uint64_t delay_ns = root.is_of_unknown() ? 0 : limit_ns / 8;  // only what is behind makes a report of waits due
  return age_ns(in.timing.latest_ns(root.since_ns), in.timing.now_ns()) < limit_ns + delay_ns;
}

// Of the holds that the thread waits for, the one nearest to the root, or one of the deadlock that it is in, or behind.
bool find_blocker(const EpisodeContext& in, int tid, WaitTrees::Blocker* out) {
  if (in.trees.find_blocker(tid, in.timing, out)) return true;
  return in.trees.find_in_circle(
      tid, in.timing, [&](const TreeHold& hold) { return is_in_deadlock(in, hold); }, out);
}

// The same, if that is what a report is about, or soon will be.
bool find_reported_blocker(const EpisodeContext& in, int tid, WaitTrees::Blocker* out) {
  if (!find_blocker(in, tid, out)) return false;
  return is_told(in, *out) || in.behind.find(out->root.identity) != nullptr || is_about_due(in, out->root);
}

void look_at(const EpisodeContext& in, BehindHold& hold) {
  WaitTrees::Blocker blocker;
  if (!hold_lasts(hold.identity)) {
    if (hold.missed_ns == 0) hold.missed_ns = in.timing.now_ns();
  } else if (find_reported_blocker(in, hold.tid, &blocker)) {
    hold.note_behind(blocker.first.identity, blocker.since_ns, in.timing.now_ns());
    hold.root_has_report |= is_told(in, blocker);
  } else {
    hold.note_free(in.timing.now_ns());
  }
}

// From just before it exceeds its limit on: if it ended soon after that, it would be reported.
void add_new_holds(const EpisodeContext& in) {
  in.trees.for_each_hold_of_waiting([&](const TreeHold& hold) {
    WaitTrees::Blocker blocker;
    if (in.behind.find(hold.identity) != nullptr || !find_reported_blocker(in, hold.tid, &blocker)) return;
    BehindHold behind{};
    behind.identity = hold.identity;
    behind.tid = hold.tid;
    behind.counted_until_ns = in.timing.latest_ns(hold.since_ns);
    if (BehindHold* const added = in.behind.add(behind)) look_at(in, *added);
  });
}

// When the hold was released, 0 if that is not known.
uint64_t end_of(const EpisodeContext& in, const Identity& identity) {
  const BehindHold* const behind = in.behind.find(identity);
  if (behind != nullptr && behind->has_ended()) return behind->end.released_ns;
  for (const Episode* episode = in.episodes.begin_iteration(); episode != in.episodes.end_iteration(); ++episode) {
    if (episode->active && episode->ended != nullptr && episode->ended->hold.identity == identity)
      return episode->ended->released_ns;
  }
  return 0;
}

void settle(const EpisodeContext& in, const BehindHold& hold) {
  if (hold.root_has_report && hold.is_explained(in.timing.limits().of(hold.end.lock))) {
    in.behind.waits.note(hold.end.lock, hold.end.released_ns);
    if (hold.ended != nullptr) free_ended_hold(hold.ended);
  } else if (hold.ended != nullptr) {
    report_late(in, hold.ended);
  } else {
    count_unreported(in, hold.end);
  }
}

}  // namespace

// A hold that is over stays for one more look: it may have been handed over since the last time.
void look_at_trees(const EpisodeContext& in) {
  read_trees(in.trees, in.timing);
  const uint64_t now_ns = in.timing.now_ns();
  in.behind.drop([now_ns](const BehindHold& hold) { return hold.missed_ns != 0 && hold.missed_ns != now_ns; });
  for (BehindHold& hold : in.behind) look_at(in, hold);
  add_new_holds(in);
}

bool is_explained(const EpisodeContext& in, const HoldView& hold) {
  const BehindHold* const behind = in.behind.find(hold.identity);
  return behind != nullptr && behind->is_explained(in.timing.limits().of(hold.word));
}

LockWord unreported_root(const EpisodeContext& in, int tid) {
  WaitTrees::Blocker blocker;
  if (!in.trees.find_blocker(tid, in.timing, &blocker) || has_report(in, blocker.root)) return {};
  return blocker.root.lock;
}

bool waits_for_reported(const EpisodeContext& in, int tid) {
  WaitTrees::Blocker blocker;
  return find_blocker(in, tid, &blocker) && is_told(in, blocker);
}

bool take_end_of_explained(const EpisodeContext& in, const HoldEnd& end, EndedHold* ended) {
  BehindHold* const behind = in.behind.find(end.identity);
  if (behind == nullptr || behind->has_ended()) return false;
  behind->end = end;
  behind->ended = ended;
  return true;
}

void settle_ended(const EpisodeContext& in) {
  bool any = false;
  for (BehindHold& hold : in.behind) {
    if (!hold.has_ended()) continue;
    hold.count_until_end(end_of(in, hold.blocker));
    any = true;
  }
  if (!any) return;
  for (BehindHold& hold : in.behind)
    if (hold.has_ended()) settle(in, hold);
  in.behind.drop([](const BehindHold& hold) { return hold.has_ended(); });
}

}  // namespace holdwatch
