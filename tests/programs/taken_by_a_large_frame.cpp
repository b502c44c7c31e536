// A helper whose frame is larger than what an acquisition notes has returned: that its caller is not known is said, and no
// line of the present is told instead. The next hold from there has it.
// RUN-ENV: HOLDWATCH_LIMIT=200ms
// EXPECT-JSON: len(over) == 2
// EXPECT-JSON: not over[0]["holders"][0]["taken"]["complete"]
// EXPECT-JSON: not has(over[0]["holders"][0]["taken"], "requests")
// EXPECT-JSON: frame(over[1]["holders"][0]["taken"], "requests")["line"] == line("HERE")
#include <pthread.h>

#include "tests/programs/harness.h"
using namespace harness;

pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

[[gnu::noinline, gnu::optimize("omit-frame-pointer")]] void takes() {
  char buffer[400];
  __asm__ volatile("" ::"r"(buffer) : "memory");
  pthread_mutex_lock(&lock);
  __asm__ volatile("" ::: "memory");
}

OWN_FRAME void requests(size_t round) {
  takes();  // HERE
  std::atomic_signal_fence(std::memory_order_seq_cst);
  await_report("over", round);
  pthread_mutex_unlock(&lock);
}

int main() {
  Thread first("first", [] { requests(1); });
  first.join();
  Thread second("second", [] { requests(2); });
  second.join();
}
