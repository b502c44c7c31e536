// A mutex whose memory something else has written to while a thread waits for it: reported after LIMIT as corrupt.
// RUN-ENV: HOLDWATCH_LIMIT=300ms HOLDWATCH_WAIT_LIMIT=60s HOLDWATCH_REPEAT=0
// EXPECT: thread \d+ "waiter" has waited .* for mutex L1, whose memory was overwritten \(limit 300 ms\); its state is impossible
// EXPECT-JSON: [(event["event"], event["phase"]) for event in e] == [("corrupt", "over")]
// EXPECT-JSON: waited_by(e) == {"waiter"} and e[0]["holders"] == []
#include "tests/futex_sleep.h"
#include "tests/programs/harness.h"
using namespace harness;

namespace {

pthread_mutex_t g_mutex = PTHREAD_MUTEX_INITIALIZER;

}  // namespace

int main() {
  if (!is_watched()) return 0;
  Thread holder("holder", [] { CHECK(pthread_mutex_lock(&g_mutex) == 0); });
  holder.join();
  Thread waiter("waiter", [] { pthread_mutex_lock(&g_mutex); });
  await_sleep_on(&g_mutex);
  g_mutex.__data.__owner = 0;
  __atomic_store_n(&g_mutex.__data.__lock, 0x656d616e, __ATOMIC_RELEASE);
  await_report("corrupt");
  ::_exit(0);
}
