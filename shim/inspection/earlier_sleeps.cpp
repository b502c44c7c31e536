// See earlier_sleeps.h.
#include "shim/inspection/earlier_sleeps.h"

#include <algorithm>

#include "shim/base/clock.h"
#include "shim/inspection/stillness.h"

namespace holdwatch {
namespace {

constinit EarlierSleep g_sleeps[kMaxEarlierSleeps] = {};
uint64_t g_count = 0;
uint64_t g_taken_ns = 0;

}  // namespace

EarlierSleep* room_for_earlier_sleeps() {
  return g_sleeps;
}

void take_earlier_sleeps(uint64_t count) {
  g_count = std::min<uint64_t>(count, kMaxEarlierSleeps);
  g_taken_ns = monotonic_ns();
}

uint64_t asleep_since_ns(int tid) {
  EarlierSleep* const end = g_sleeps + g_count;
  const EarlierSleep* const sleep =
      std::find_if(g_sleeps, end, [tid](const EarlierSleep& one) { return one.tid == tid; });
  if (sleep == end || sleep->asleep_ns >= g_taken_ns) return 0;
  return switches_asleep(0, tid) == sleep->switches ? g_taken_ns - sleep->asleep_ns : 0;
}

void forget_earlier_sleeps() {
  g_count = 0;
}

}  // namespace holdwatch
