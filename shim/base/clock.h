// The clocks: monotonic for ages, real time for reports, the time stamp counter for CLOCK=tsc.
// Cold context, except read_tsc (hot). No allocation, no lock, and not the functions that a faked clock of the program replaces.
#pragma once

#include <sys/syscall.h>
#include <time.h>

#include <atomic>
#include <cstdint>

#include "shim/common/kernel/system_call.h"

namespace holdwatch {

inline constexpr uint64_t kNanosecondsPerSecond = 1'000'000'000;

using ClockFunction = int (*)(clockid_t, timespec*);

inline int clock_by_system_call(clockid_t clock, timespec* now) {
  return static_cast<int>(system_call(SYS_clock_gettime, clock, now));
}

// libc's own clock_gettime, a vDSO call on every usual kernel, once start has looked it up (libc_functions).
[[gnu::visibility("hidden")]] inline constinit std::atomic<ClockFunction> g_clock{clock_by_system_call};

inline uint64_t clock_ns(clockid_t clock) {
  timespec now{};
  g_clock.load(std::memory_order_relaxed)(clock, &now);
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
