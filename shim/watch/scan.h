// Finds in all records the locks that are held, or waited for, over their limits, and that have no episode yet.
// Cold context (watcher). Reads records; what happens to a candidate is decided elsewhere.
//
// Not at each wake-up: a walk also shows when the next hold or wait can exceed its limit, and what began after the walk
// cannot do so before a whole limit has passed. So an idle program's records are read about once per limit.
#pragma once

#include <cstddef>
#include <cstdint>

#include "shim/inspection/candidates.h"
#include "shim/timing/timing.h"
#include "shim/watch/behind_holds.h"
#include "shim/watch/episodes.h"

namespace holdwatch {

class Scan {
 public:
  // `until_next_ns`: how long the watcher will sleep if nothing is due. Holds that would become due during that time
  // are looked for now: most will have ended by then, and the watcher need not wake up for them. Of those `behind` reported
  // ones, the holds that they explain are left out.
  void look_for_holds(const Timing& timing, Episodes& episodes, BehindHolds& behind, Candidates& candidates,
                      uint64_t until_next_ns = 0);
  void look_for_waits(const Timing& timing, Episodes& episodes, Candidates& candidates);

  // Walk at the next wake-up, whatever the last walk showed: an episode has ended, a candidate did not become one, or
  // limits have changed.
  void look_again() { holds_due_ns_ = waits_due_ns_ = 0; }

  // The earliest time at which something can exceed its limit; 0: at any time, UINT64_MAX: never.
  uint64_t next_look_ns() const { return holds_due_ns_ < waits_due_ns_ ? holds_due_ns_ : waits_due_ns_; }

 private:
  uint64_t holds_due_ns_ = 0;
  uint64_t waits_due_ns_ = 0;
};

}  // namespace holdwatch
