// Handles the snapshot command: one report for each lock that is held, as many as the reporter can take.
// Cold context (watcher).
#pragma once

#include "shim/watch/episode_context.h"

namespace holdwatch {

// Deadlocks among them have episodes already.
void report_all_holds(const EpisodeContext& in);

}  // namespace holdwatch
