// A wait with a timeout that a thread makes again whenever it has timed out: a slice of a longer wait.
// Any context. Trivially copyable.
#pragma once

#include <cstdint>

namespace holdwatch {

// All zero if it is not known.
struct RepeatedWait {
  uint64_t timeouts;  // how often, without a change of the locks that the thread keeps meanwhile
  uint64_t since_ns;  // when the first of these waits began (CLOCK_MONOTONIC)
  uint64_t began_ns;  // when the present one began
};

}  // namespace holdwatch
