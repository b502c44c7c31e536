// A filter that kills the process for any call but futex, write and the program's own, installed while the watch runs: none of
// ours does it, neither at a report nor after it, and the hold is told as far as it can be without another system call.
// RUN-ENV: HOLDWATCH_LIMIT=300ms
// EXPECT: thread \d+ has likely held mutex L1 [\d.]+ ms \(limit 300 ms\); 1 thread waits
// EXPECT: taken by \d+ .*0x
// EXPECT: the program has installed a seccomp filter: from now on reports go to standard error only
// EXPECT: L1 still held|still holds mutex L1
// EXPECT: L1 released
#include "tests/programs/filter.h"

int main() {
  FilteredHold hold;
  hold.make_threads();  // the watch begins
  forbid_all_but_futex_write_and({SYS_clock_nanosleep, SYS_exit_group});
  hold.run();
  return 0;
}
