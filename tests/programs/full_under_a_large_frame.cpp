// STACKS=full: the whole stack of an acquisition is there also under frames of many KiB that have returned: from the first
// report on; at a site from which many locks were taken before, from the second one on.
// RUN-ENV: HOLDWATCH_LIMIT=200ms HOLDWATCH_STACKS=full
// EXPECT-JSON: len(over) == 3 and all(has(holder(event)["taken"], "takes_it") for event in over)
// EXPECT-JSON: all(has(holder(event)["taken"], "uses_it") for event in (over[0], over[2]))
// EXPECT-JSON: holder(over[0])["taken"]["complete"] and holder(over[2])["taken"]["complete"]
#include <mutex>

#include "tests/programs/harness.h"
using namespace harness;

std::mutex lock;

void stays() {
  asm volatile("" ::: "memory");  // no call before becomes a jump
}

[[gnu::noinline, gnu::optimize("omit-frame-pointer")]] void takes_it() {
  char large[16 * 1024];
  __asm__ volatile("" ::"r"(large) : "memory");
  lock.lock();
  stays();
}

OWN_FRAME void uses_it(size_t round) {
  takes_it();
  if (round != 0) await_report("over", round);
  lock.unlock();
  stays();
}

int main() {
  const auto be_reported = [](size_t round) {
    Thread holder("holder", [&] { uses_it(round); });
    holder.join();
  };
  be_reported(1);
  // More than a site is watched for before it is trusted, at one go.
  for (int i = 0; i < 200; ++i) uses_it(0);
  be_reported(2);
  be_reported(3);
}
