// When an episode is reported, and how it ends.
// Cold context (watcher).
#pragma once

#include "shim/record/ended_holds.h"
#include "shim/watch/episode_context.h"

namespace holdwatch {

// Reports at first, and again at 2x, 4x, 8x ... of the limit. If the reporter has no room, the report is posted at the
// next wake-up; what is part of a deadlock is reported with the deadlock.
void report_if_due(const EpisodeContext& in, Episode& episode, uint64_t oldest_ns);

// What the episode is about has ended.
void end_episode(const EpisodeContext& in, Episode& episode);

// Posts the closing line; if the reporter is too far behind, again at the next wake-up. A hold whose first report could
// not be posted in time is reported all the same: the reporter makes a late report of it.
void close_episode(const EpisodeContext& in, Episode& episode);

// Reports a hold that the watcher did not see while it was over its limit.
void report_late(const EpisodeContext& in, EndedHold* ended);

// Counts a hold that there was no room to report, if it deserved a report.
void count_unreported(const EpisodeContext& in, const HoldEnd& end);

// Reports the unlock of a lock that no thread held, whatever the limits are.
void report_stray_unlock(const EpisodeContext& in, EndedHold* ended);

}  // namespace holdwatch
