// See held_locks_report.h.
#include "shim/watch/held_locks_report.h"

#include "shim/inspection/candidates.h"
#include "shim/record/view_walk.h"
#include "shim/watch/post_request.h"
#include "shim/watch/tree_reading.h"

namespace holdwatch {
namespace {

void report_cycle(const EpisodeContext& in, const Episode& cycle) {
  Episode episode = cycle;
  episode.number = 0;
  episode.limit_ns = 0;
  if (!in.reader.update(episode, in.timing)) return;
  const Behind& behind = in.trees.describe_behind(episode.goal(), in.timing);
  post(episode, Phase::snapshot, in.reader.state(), in.timing, &behind);
}

void report_holds_of(const EpisodeContext& in, LockWord lock) {
  in.reader.read(lock, in.timing);
  Episode episode{};
  episode.lock = lock;
  in.reader.note_holders(episode, in.timing);
  if (in.episodes.are_in_cycles(episode)) return;
  episode.event = event_of_holders(episode);
  tag_locks(episode);
  count_behind(episode, in.trees, in.timing);
  count_waiting(episode, in.reader.state(), in.timing);
  if (episode.holder_count == 0) return;
  const Behind& behind = in.trees.describe_behind(episode.goal(), in.timing);
  post(episode, Phase::snapshot, in.reader.state(), in.timing, &behind);
}

}  // namespace

void report_all_holds(const EpisodeContext& in) {
  Candidates held;
  for_each_hold(UINT64_MAX, [&](const HoldView& hold) { held.add(hold.word); });
  in.reader.find(held);
  read_trees(in.trees, in.timing);
  for (Episode* cycle = in.episodes.begin_iteration(); cycle != in.episodes.end_iteration(); ++cycle)
    if (cycle->active && cycle->ended_ns == 0 && is_cycle(cycle->event)) report_cycle(in, *cycle);
  for (size_t i = 0; i < held.count; ++i) report_holds_of(in, held.locks[i]);
}

}  // namespace holdwatch
