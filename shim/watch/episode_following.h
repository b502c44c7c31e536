// Follows each episode from its first report to its end.
// Cold context (watcher).
#pragma once

#include "shim/watch/episode_context.h"

namespace holdwatch {

// Takes the ended holds that releasing threads have handed over. Called first, because a hold that has ended must not
// be taken for one that still exists. The holders of the episode `followed` include those that it had `before`.
void take_ended_holds(const EpisodeContext& in, Episode* followed = nullptr, const Episode* before = nullptr);

// One step of an episode: reads the state of its locks, counts waiting time, and reports if a report is due.
void follow(const EpisodeContext& in, Episode& episode);

class EpisodeFollower {
 public:
  // False if an episode has ended, so that its lock may need a new one.
  bool follow_all(const EpisodeContext& in);
  // Whether the last follow_all looked at all episodes.
  bool has_followed_all() const { return followed_all_; }
  void reset() { follow_due_ns_ = 0; }

 private:
  bool find_due_episodes(const EpisodeContext& in);

  bool followed_all_ = false;
  uint64_t follow_due_ns_ = 0;
};

}  // namespace holdwatch
