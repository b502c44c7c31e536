// Turns an episode into a report request for the reporter.
// Cold context (watcher).
#pragma once

#include "shim/common/text/text_buffer.h"
#include "shim/handoff/behind.h"
#include "shim/handoff/found_readers.h"
#include "shim/handoff/report_request.h"
#include "shim/timing/timing.h"
#include "shim/watch/episodes.h"
#include "shim/watch/passing_holds.h"

namespace holdwatch {

// `state` is what the watcher knows about the lock at this scan; reports of released and late holds use the episode
// alone. `behind`: null if nobody is, or that is not known; `passing`: null if nobody has looked for them. False if the queue is
// full although the reporter is not stuck.
bool post(const Episode& episode, Phase phase, const LockState& state, const Timing& timing,
          const Behind* behind = nullptr, const PassingHolds* passing = nullptr);

// A request about condition waits, to be completed by add_condition_wait and posted; null if the queue is full.
ReportRequest* begin_condition_waits(uint64_t episode, Phase phase, uint64_t limit_ns, const Timing& timing);
void add_condition_wait(ReportRequest& request, const WaitView& wait, const Timing& timing);

// The first line of such a report. `readers`: those that the reporter has found, or null.
void append_line(const Episode& episode, const LockState& state, const Timing& timing, const Behind* behind,
                 const FoundReaders* readers, TextBuffer& out);

}  // namespace holdwatch
