// What is stuck when a process is attached to, in one line for whoever does that: the reports follow.
// Cold context (watcher).
#pragma once

#include "shim/common/text/text_buffer.h"
#include "shim/watch/episode_context.h"

namespace holdwatch {

// Whether what is worst is kept by readers that no record names: the reporter may find them.
bool needs_reporter(const EpisodeContext& in);

// To be called when all episodes of this wake-up have begun.
void append_stuck_summary(const EpisodeContext& in, TextBuffer& out);

}  // namespace holdwatch
