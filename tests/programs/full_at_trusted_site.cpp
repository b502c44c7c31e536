// STACKS=full gives the whole stack also at a site whose frame was seen to stay many times, in code with frame pointers.
// RUN-ENV: HOLDWATCH_LIMIT=200ms HOLDWATCH_STACKS=full
// EXPECT: holds_it\(bool\) .*<- took L\d+
// EXPECT-JSON: holder(over[0])["state"] == "blocked"
// EXPECT-JSON: has(holder(over[0])["taken"], "holds_it") and has(holder(over[0])["taken"], "calls_it")
// EXPECT-JSON: holder(over[0])["taken"]["complete"] and "returned" not in (holder(over[0])["taken"]["note"] or "")
#include <pthread.h>

#include "tests/programs/harness.h"
using namespace harness;

pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
Event release;

OWN_FRAME void holds_it(bool for_long) {
  pthread_mutex_lock(&lock);
  if (for_long) release.wait();
  pthread_mutex_unlock(&lock);
}

OWN_FRAME void calls_it() {
  for (int i = 0; i < 200; ++i) holds_it(false);
  holds_it(true);
  std::atomic_signal_fence(std::memory_order_seq_cst);
}

int main() {
  Thread holder("holder", calls_it);
  await_report("over");
  release.fire();
  await_report("released");
}
