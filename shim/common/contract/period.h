// A stretch of time in which something was so.
// Any context; pure.
#pragma once

#include <cstdint>

namespace holdwatch {

// At some time from the one to the other, CLOCK_MONOTONIC; all zero: now, as long as anybody asks.
struct Period {
  uint64_t from_ns;
  uint64_t until_ns;
};

}  // namespace holdwatch
