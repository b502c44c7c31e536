// Which deadlocks, holds and waits become episodes.
// Cold context (watcher).
#pragma once

#include "shim/inspection/candidates.h"
#include "shim/watch/cycle_search.h"
#include "shim/watch/episode_context.h"

namespace holdwatch {

// Begins episodes for new deadlocks. Called before the others: locks that are part of a deadlock are reported there.
void begin_cycles(const EpisodeContext& in, CycleSearch& search);

// Both return false if some candidates did not become episodes.
bool begin_hold_episodes(const EpisodeContext& in, const Candidates& candidates);
bool begin_wait_episodes(const EpisodeContext& in, const Candidates& candidates);

}  // namespace holdwatch
