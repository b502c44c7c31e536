// Mutexes over which something has written, the owner's id too: no thread has such an id, so nobody is named. The words are those
// that an overflow of a text leaves, of freed memory that is filled, and of an array that is set to -1; and the whole mutex.
// RUN-ENV: HOLDWATCH_LIMIT=300ms HOLDWATCH_WAIT_LIMIT=60s HOLDWATCH_REPEAT=0
// EXPECT: thread \d+ "waiter" has waited .* for mutex L\d+, whose memory was overwritten \(limit 300 ms\); its state is impossible
// EXPECT-JSON: [(event["event"], event["phase"]) for event in e] == [("corrupt", "over")] * 6
// EXPECT-JSON: waited_by(e) == {"waiter"} and not held_by(e)
#include "tests/futex_sleep.h"
#include "tests/programs/harness.h"
using namespace harness;

namespace {

pthread_mutex_t g_mutexes[6] = {};
Event g_has_it[6], g_never;

}  // namespace

int main() {
  if (!is_watched()) return 0;
  for (int i = 0; i < 6; ++i) {
    pthread_mutex_t* const mutex = &g_mutexes[i];
    new Thread("holder", [=] {
      CHECK(pthread_mutex_lock(mutex) == 0);
      g_has_it[i].fire();
      g_never.wait();
    });
    g_has_it[i].wait();
    new Thread("waiter", [=] { pthread_mutex_lock(mutex); });
    await_sleep_on(mutex);
    constexpr int kFills[] = {0x41, 0xa5, 0xff};
    std::memset(static_cast<void*>(mutex), kFills[i % 3], i < 3 ? 16 : sizeof *mutex);
  }
  await_report("corrupt", 6);
  ::_exit(0);
}
