// The program's callback for reports is called in a thread of ours, and finds libc as ever: calls that we keep from our own
// libraries are not kept from it.
// RUN-ENV: HOLDWATCH_LIMIT=200ms
// NO-BARE: without the watch nobody calls back
// EXPECT-JSON: len(over) == 1
#include <sys/mman.h>

#include "shim/holdwatch.h"
#include "tests/programs/harness.h"
using namespace harness;

std::atomic<int> rounds{0};

void on_report(const char*, const char*, void*) {
  static const int page = 1;
  unsigned char is_there = 0;
  const auto address = reinterpret_cast<uintptr_t>(&page) & ~uintptr_t{4095};
  CHECK(mincore(reinterpret_cast<void*>(address), 4096, &is_there) == 0);
  int ends[2] = {-1, -1};
  CHECK(pipe2(ends, O_CLOEXEC) == 0);
  CHECK(ends[0] < 50 && ends[1] < 50);  // the lowest that are free, as always
  close(ends[0]);
  close(ends[1]);
  ++rounds;
}

int main() {
  HOLDWATCH_ON_REPORT(on_report, nullptr);
  hold_until_reported("holder");
  CHECK(rounds > 0);
}
