// A filter that kills the process for opening a file, installed while the watch runs.
// RUN-ENV: HOLDWATCH_LIMIT=300ms
// EXPECT: thread \d+ has likely held mutex L1 [\d.]+ ms \(limit 300 ms\); 1 thread waits
// EXPECT: the program has installed a seccomp filter
#include "tests/programs/filter.h"

int main() {
  FilteredHold hold;
  hold.make_threads();  // the watch begins
  install_filter({SYS_open, SYS_openat}, SECCOMP_RET_KILL_PROCESS, SECCOMP_RET_ALLOW);
  hold.run();
  return 0;
}
