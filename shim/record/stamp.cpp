// See stamp.h.
#include "shim/record/stamp.h"

#include "shim/base/clock.h"
#include "shim/own_threads/seccomp_state.h"

namespace holdwatch {
namespace {

// Written by all lock calls with exact stamps, without synchronization: a few lost counts do not matter.
alignas(kCacheLine) std::atomic<uint32_t> g_exact_stamps{0};
std::atomic<uint64_t> g_most_exact_stamps{0};

}  // namespace

uint64_t exact_stamp(uint64_t stamp) {
  if (stamp == kNoWatch || (stamp & kExact) != 0 || calls_filtered()) return stamp;
  return (monotonic_ns() & ~uint64_t{kStampBits}) | kExact;
}

uint64_t stamp_slow() {
  uint64_t tick_ns = g_clock_line.tick_ns.load(std::memory_order_relaxed);
  if ((tick_ns & kCallsAreFew) == 0 || tick_ns == kNoWatch || calls_filtered()) return tick_ns;
  const uint32_t stamps = g_exact_stamps.load(std::memory_order_relaxed) + 1;
  g_exact_stamps.store(stamps, std::memory_order_relaxed);
  // Lock calls are no longer few. A tick that the watcher publishes at the same time is kept.
  if (stamps > g_most_exact_stamps.load(std::memory_order_relaxed))
    g_clock_line.tick_ns.compare_exchange_strong(tick_ns, tick_ns & ~uint64_t{kStampBits});
  return exact_stamp(tick_ns);
}

void allow_exact_stamps(uint64_t most) {
  g_most_exact_stamps.store(most, std::memory_order_relaxed);
}

uint32_t take_exact_stamps() {
  return g_exact_stamps.exchange(0, std::memory_order_relaxed);
}

}  // namespace holdwatch
