// See earlier_sleeps.h.
#include "shim/inspection/earlier_sleeps.h"

#include <algorithm>
#include <atomic>

#include "shim/base/clock.h"
#include "shim/inspection/stillness.h"

namespace holdwatch {
namespace {

constinit EarlierSleep g_sleeps[kMaxEarlierSleeps] = {};
std::atomic<uint64_t> g_count{0};
std::atomic<uint64_t> g_taken_ns{0};

}  // namespace

EarlierSleep* room_for_earlier_sleeps() {
  return g_sleeps;
}

void take_earlier_sleeps(uint64_t count) {
  g_taken_ns.store(monotonic_ns(), std::memory_order_relaxed);
  g_count.store(std::min<uint64_t>(count, kMaxEarlierSleeps), std::memory_order_release);
}

uint64_t asleep_since_ns(int tid) {
  EarlierSleep* const end = g_sleeps + g_count.load(std::memory_order_acquire);
  const uint64_t taken_ns = g_taken_ns.load(std::memory_order_relaxed);
  const EarlierSleep* const sleep =
      std::find_if(g_sleeps, end, [tid](const EarlierSleep& one) { return one.tid == tid; });
  if (sleep == end || sleep->asleep_ns >= taken_ns) return 0;
  return switches_asleep(0, tid) == sleep->switches ? taken_ns - sleep->asleep_ns : 0;
}

void forget_earlier_sleeps() {
  g_count.store(0, std::memory_order_relaxed);
}

}  // namespace holdwatch
