// A period of time during which something was true.
// Any context; pure.
#pragma once

#include <cstdint>

namespace holdwatch {

// Some time between the two, CLOCK_MONOTONIC; all zero: now, whenever it is used.
struct Period {
  uint64_t from_ns;
  uint64_t until_ns;
};

}  // namespace holdwatch
