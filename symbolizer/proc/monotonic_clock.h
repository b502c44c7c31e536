// The current time by CLOCK_MONOTONIC, which is also that of the periods in a finding.
// Any context.
#pragma once

#include <chrono>
#include <cstdint>

namespace holdwatch {

inline uint64_t monotonic_now_ns() {
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  return static_cast<uint64_t>(std::chrono::nanoseconds(now).count());
}

}  // namespace holdwatch
