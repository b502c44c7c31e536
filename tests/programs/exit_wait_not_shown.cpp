// A thread that ends the process while it holds a lock waits, for some milliseconds, for what is still to be reported. That is
// not what it is shown to be doing.
// RUN-ENV: HOLDWATCH_LIMIT=50ms
// EXPECT-JSON: count(phase="over") == 1
// EXPECT-JSON: not any("libholdwatch" in (f["module"] or "") for event in e for f in holder(event)["now"]["frames"])
// EXPECT-JSON: not any("futex" in (holder(event)["doing"] or "") for event in e)
#include <sys/syscall.h>

#include <cstring>

#include "shim/holdwatch.h"
#include "tests/programs/harness.h"
using namespace harness;

std::atomic<bool> is_told{false};

// Returns, so that the next report is made, when the main thread waits in exit().
void wait_for_exit(const char*, const char*, void*) {
  const std::string path = "/proc/self/task/" + std::to_string(getpid()) + "/syscall";
  const std::string futex = std::to_string(SYS_futex) + " ";
  is_told = true;
  for (int i = 0; i < 2000 && !read_file(path).starts_with(futex); ++i) std::this_thread::sleep_for(100us);
}

int main() {
  static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
  HOLDWATCH_ON_REPORT(wait_for_exit, nullptr);
  Thread other("other", [] {});  // the watch begins
  other.join();
  CHECK(pthread_mutex_lock(&lock) == 0);
  while (is_watched() && !is_told) pause_briefly();
  std::this_thread::sleep_for(is_watched() ? 150ms : 0ms);  // the next report is due
  std::exit(0);
}
