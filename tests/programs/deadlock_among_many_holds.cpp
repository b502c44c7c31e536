// Hundreds of locks are held over their limit, more than the watch follows at a time: a deadlock that begins then is told all the
// same, and does not stand in line behind their reports.
// RUN-ENV: HOLDWATCH_LIMIT=100ms HOLDWATCH_RATE=100000 HOLDWATCH_REPEAT=0 HOLDWATCH_SYMBOLIZE=off HOLDWATCH_STACKS=callsite
// EXPECT: deadlock of 2 threads
// EXPECT-JSON: len([event for event in deadlocks if event["phase"] == "over"]) == 1
// EXPECT-JSON: {step["tid"] for step in deadlocks[0]["cycle"]} == {holder["tid"] for holder in deadlocks[0]["holders"]}
// EXPECT-JSON: all(holder["thread"] == "stuck" for holder in deadlocks[0]["holders"])
// NO-BARE: without a watch nothing would end it
#include <array>

#include "tests/programs/harness.h"
using namespace harness;

namespace {

constexpr size_t kHoarders = 12, kLocksOfEach = 64;  // more than Episodes::kMax in all (shim/watch/episodes.h)
std::array<std::array<pthread_mutex_t, kLocksOfEach>, kHoarders> g_locks;
pthread_mutex_t g_forks[2] = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_MUTEX_INITIALIZER};
Event never;

void hoard(std::array<pthread_mutex_t, kLocksOfEach>& locks) {
  for (pthread_mutex_t& lock : locks) {
    CHECK(pthread_mutex_init(&lock, nullptr) == 0);
    CHECK(pthread_mutex_lock(&lock) == 0);
  }
  never.wait();
}

}  // namespace

int main() {
  for (auto& locks : g_locks) new Thread("hoarder", [&locks] { hoard(locks); });
  await_report("over");
  for (int i = 0; i < 3; ++i) sleep_past_limit();  // until there is room for no more
  static pthread_barrier_t both;
  CHECK(pthread_barrier_init(&both, nullptr, 2) == 0);
  for (const int own : {0, 1})
    new Thread("stuck", [own] {
      CHECK(pthread_mutex_lock(&g_forks[own]) == 0);
      pthread_barrier_wait(&both);
      pthread_mutex_lock(&g_forks[1 - own]);
    });
  await_report("deadlock");
  std::_Exit(0);
}
