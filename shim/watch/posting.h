// Turns an episode into a job for the reporter, and speaks in its stead where it does not get round to it.
// Cold context (watcher).
#pragma once

#include "shim/common/contract/settings.h"
#include "shim/timing/timing.h"
#include "shim/watch/episodes.h"

namespace holdwatch {

// What the watcher knows of a lock at this look is in `state`; released and late holds are told from the episode alone.
// False: the reporter is too far behind, though not stuck.
bool post(const Episode& episode, Phase phase, const LockState& state, const Timing& timing);

// What the watcher says itself of jobs that have waited too long. While the reporter is stuck, that is each phase of each episode,
// in plain form, as many a minute as RATE allows.
class StandIn {
 public:
  void start(const Settings& settings);
  void speak_for_a_stuck_reporter(uint64_t now_ns);
  // At exit, if reports go to standard error: for every job of which nothing has been said, and for what has no room among the
  // jobs from then on. `end` says what RATE has left out of it.
  void take_over(uint64_t now_ns) const;
  void end(uint64_t now_ns) const;

 private:
  void say_why_once();

  uint64_t patience_ns_ = 0;
  bool reason_said_ = false;
  bool speaks_on_standard_error_ = false;
};

}  // namespace holdwatch
