// Which holds need no report of their own: those whose threads wait, directly or through others, for a hold that has one.
// Cold context (watcher).
//
// A hold is reported all the same if for half of its limit its thread has waited for no such hold: then it would be long
// anyway. And it is reported once the hold that it was behind is over, unless it ends soon after that.
#pragma once

#include "shim/watch/episode_context.h"

namespace holdwatch {

// Finds out which holds are behind which, from the records as they are at this wake-up.
void look_at_trees(const EpisodeContext& in);

// Whether another report explains the hold, by the last look.
bool is_explained(const EpisodeContext& in, const HoldView& hold);
// The lock nearest to the root of those over their limits that the thread waits for, if that has no report yet; otherwise
// empty.
LockWord unreported_root(const EpisodeContext& in, int tid);
// Whether the thread waits for a hold that has a report.
bool waits_for_reported(const EpisodeContext& in, int tid);

// The end of such a hold, with what its thread has handed over, if there was room for that. False if the hold is none of those:
// then nothing is done.
bool take_end_of_explained(const EpisodeContext& in, const HoldEnd& end, EndedHold* ended = nullptr);
// Once everything that was handed over is taken: reports, or counts, those that other reports do not explain after all.
void settle_ended(const EpisodeContext& in);

}  // namespace holdwatch
