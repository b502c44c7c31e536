// The main thread has left by pthread_exit: its own /proc files are empty from then on, but plain reports still have module,
// offset and build id.
// SHIM: alone
// RUN-ENV: HOLDWATCH_LIMIT=200ms
// EXPECT: thread \d+ "last" has held mutex
// EXPECT: taken by \d+ .*main_left_plain\+0x[0-9a-f]+ \(build id [0-9a-f]{40}\)$
#include <mutex>

#include "tests/programs/harness.h"
using namespace harness;

int main() {
  static std::mutex lock;
  std::thread([] {
    ::pthread_setname_np(::pthread_self(), "last");
    while (read_file("/proc/self/maps") != "") pause_briefly();
    std::lock_guard guard(lock);
    sleep_past_limit();
  }).detach();
  ::pthread_exit(nullptr);
}
