// The answer to a snapshot: one report for each lock that is held, as many as the reporter can take.
// Cold context (watcher).
#pragma once

#include "shim/watch/episode_context.h"

namespace holdwatch {

// The deadlocks among them are episodes already.
void report_all_holds(const EpisodeContext& in);

}  // namespace holdwatch
