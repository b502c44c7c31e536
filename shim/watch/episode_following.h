// Follows each episode from its first report to its end.
// Cold context (watcher).
#pragma once

#include "shim/watch/episode_context.h"

namespace holdwatch {

// Takes what releasing threads have handed over. Releases come first: a hold that has ended must not be taken for one that
// lasts. The holders of the episode `followed` are those that it had `before`, too.
void take_ended_holds(const EpisodeContext& in, Episode* followed = nullptr, const Episode* before = nullptr);

// One step of an episode: what it is about is read, counted, and reported if a report is due.
void follow(const EpisodeContext& in, Episode& episode);

class EpisodeFollower {
 public:
  // False: one has ended, so that what it stood for may want another.
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
