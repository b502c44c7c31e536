// A thread that is cancelled in a condition wait takes the mutex again, and ends with it where no cleanup handler gives it back.
// RUN-ENV: HOLDWATCH_LIMIT=200ms HOLDWATCH_WAIT_LIMIT=20s
// EXPECT: thread \d+ "fsyncer" exited while holding mutex L1
// EXPECT-JSON: {event["event"] for event in e} == {"abandoned"} and len(over) == 1
// EXPECT-JSON: holder(over[0])["state"] == "gone" and has(holder(over[0])["taken"], "wait_for_work")
// EXPECT-JSON: "condition wait" in holder(over[0])["taken"]["note"] and waited_by(over) == {"waiter"}
#include <cerrno>
#include <ctime>

#include "tests/programs/harness.h"
using namespace harness;

namespace {

pthread_mutex_t g_mutex = PTHREAD_MUTEX_INITIALIZER;
pthread_cond_t g_condition = PTHREAD_COND_INITIALIZER;

OWN_FRAME void wait_for_work() {
  pthread_mutex_lock(&g_mutex);
  while (true) pthread_cond_wait(&g_condition, &g_mutex);
}

}  // namespace

int main() {
  {
    Thread fsyncer("fsyncer", wait_for_work);
    fsyncer.wait_until_blocked_on(g_condition);
    pthread_cancel(fsyncer.handle());
  }
  Thread waiter("waiter", [] {
    timespec until{};
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += is_watched() ? 3600 : 0;
    CHECK(pthread_mutex_clocklock(&g_mutex, CLOCK_MONOTONIC, &until) == ETIMEDOUT);
  });
  if (!is_watched()) return 0;
  await_report("abandoned");
  await_words("\n  report ");
  ::_exit(0);
}
