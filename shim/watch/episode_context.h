// What the parts that begin, follow and report episodes share during one wake-up of the watcher.
// Cold context (watcher).
#pragma once

#include "shim/common/contract/settings.h"
#include "shim/timing/timing.h"
#include "shim/watch/behind_holds.h"
#include "shim/watch/episode_reader.h"
#include "shim/watch/episodes.h"
#include "shim/watch/passing_holds.h"
#include "shim/watch/wait_trees.h"

namespace holdwatch {

// The options that decide what is reported.
struct ReportRules {
  Only only = Only::all;
  bool repeat = false;  // all zero, so that the object takes no space in the file
};

struct EpisodeContext {
  Episodes& episodes;
  EpisodeReader& reader;
  WaitTrees& trees;
  BehindHolds& behind;
  const PassingHolds& passing;
  const ReportRules& rules;
  const Timing& timing;
};

}  // namespace holdwatch
