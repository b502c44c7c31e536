// Which deadlocks, holds and waits become episodes.
// Cold context (watcher).
#pragma once

#include "shim/inspection/candidates.h"
#include "shim/watch/cycle_search.h"
#include "shim/watch/episode_context.h"

namespace holdwatch {

// Looks for new deadlocks. Before the others are begun: what is part of one is told there.
void begin_cycles(const EpisodeContext& in, CycleSearch& search);

// False: not all became episodes.
bool begin_hold_episodes(const EpisodeContext& in, const Candidates& candidates);
bool begin_wait_episodes(const EpisodeContext& in, const Candidates& candidates);

}  // namespace holdwatch
