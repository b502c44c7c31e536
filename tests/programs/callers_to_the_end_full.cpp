// With STACKS=full the helpers that took the lock and have returned, and their caller, are told from the first report on, in
// each phase.
// RUN-ENV: HOLDWATCH_LIMIT=200ms HOLDWATCH_STACKS=full
// EXPECT-JSON: len(over) == 3 and len(released) == 3
// EXPECT-JSON: [functions(holder(x)["taken"])[:3] for x in over + released] == [["takes()", "guards()", "works(unsigned long)"]] * 6
// EXPECT-JSON: all(holder(x)["taken"]["complete"] for x in over + released)
#include <pthread.h>

#include "tests/programs/harness.h"
using namespace harness;

pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

#define LARGE_FRAME [[gnu::noipa, gnu::optimize("omit-frame-pointer")]]

LARGE_FRAME void takes() {
  char buffer[400];
  __asm__ volatile("" ::"r"(buffer) : "memory");
  pthread_mutex_lock(&lock);
  __asm__ volatile("" ::: "memory");
}

LARGE_FRAME void guards() {
  char buffer[300];
  __asm__ volatile("" ::"r"(buffer) : "memory");
  takes();
  __asm__ volatile("" ::: "memory");
}

OWN_FRAME void works(size_t round) {
  guards();
  std::atomic_signal_fence(std::memory_order_seq_cst);
  await_report("over", round);
  pthread_mutex_unlock(&lock);
  await_report("released", round);
}

int main() {
  Thread holder("holder", [] {
    for (size_t round = 1; round <= 3; ++round) works(round);
  });
}
