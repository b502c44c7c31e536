// The clocks: monotonic for ages, real time for reports, the time stamp counter for CLOCK=tsc.
// Cold context, except read_tsc (hot). No allocation, no lock. The clocks are read by libc's own function, a vDSO call on every usual
// kernel: not by one that the program has in front of it, to fake a clock.
#pragma once

#include <time.h>

#include <cstdint>

#include "shim/base/libc_functions.h"

namespace holdwatch {

inline constexpr uint64_t kNanosecondsPerSecond = 1'000'000'000;

inline uint64_t clock_ns(clockid_t clock) {
  timespec now{};
  libc().clock_gettime(clock, &now);
  return static_cast<uint64_t>(now.tv_sec) * kNanosecondsPerSecond + static_cast<uint64_t>(now.tv_nsec);
}

inline uint64_t monotonic_ns() {
  return clock_ns(CLOCK_MONOTONIC);
}
inline uint64_t wall_clock_ns() {
  return clock_ns(CLOCK_REALTIME);
}

inline uint64_t read_tsc() {
  return __builtin_ia32_rdtsc();
}

}  // namespace holdwatch
