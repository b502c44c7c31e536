// Turns an episode into a request for the reporter.
// Cold context (watcher).
#pragma once

#include "shim/timing/timing.h"
#include "shim/watch/episodes.h"

namespace holdwatch {

// What the watcher knows of a lock at this look is in `state`; released and late holds are told from the episode alone.
// False: the reporter is too far behind, though not stuck.
bool post(const Episode& episode, Phase phase, const LockState& state, const Timing& timing);

}  // namespace holdwatch
