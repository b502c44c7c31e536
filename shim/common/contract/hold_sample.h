// Where the holder of a reported lock was at one moment: one of several samples, taken over the life of the hold.
// Any context; see finding.h.
#pragma once

#include "shim/common/contract/finding.h"

namespace holdwatch {

struct HoldSample {
  uint64_t episode;
  int tid;
  uint64_t since_ns;  // Holder::acquired_when.from_ns, which tells the hold from others of the thread
  uint64_t taken_ns;  // CLOCK_MONOTONIC
  ThreadState state;
  const RawStack* stack;  // null or empty: it could not be captured
};

}  // namespace holdwatch
