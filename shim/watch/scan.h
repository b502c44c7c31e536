// Finds among all records the locks that are held, or waited for, over their limits and that no episode tells of yet.
// Cold context (watcher). Reads records; what comes of a candidate is others' business.
//
// Not at each look: what a walk saw tells when the next hold or wait can be over its limit, and what began after the walk
// cannot be over before a whole limit has gone by. So an idle program's records are read about once a limit.
#pragma once

#include <cstddef>
#include <cstdint>

#include "shim/inspection/candidates.h"
#include "shim/timing/timing.h"
#include "shim/watch/episodes.h"

namespace holdwatch {

class Scan {
 public:
  // `until_next_ns`: how long the watcher will sleep if nothing is due. What would be due before that is looked for now: most
  // holds have ended by then, and it need not be woken for them.
  void look_for_holds(const Timing& timing, Episodes& episodes, Candidates& candidates, uint64_t until_next_ns = 0);
  void look_for_waits(const Timing& timing, Episodes& episodes, Candidates& candidates);

  // At the next look, whatever was seen before: an episode has ended that stood for something, a candidate did not become
  // one, or limits have changed.
  void look_again() { holds_due_ns_ = waits_due_ns_ = 0; }

  // When something can be over its limit next: 0 if at any time, UINT64_MAX if never.
  uint64_t next_look_ns() const { return holds_due_ns_ < waits_due_ns_ ? holds_due_ns_ : waits_due_ns_; }

 private:
  uint64_t holds_due_ns_ = 0;
  uint64_t waits_due_ns_ = 0;
};

}  // namespace holdwatch
