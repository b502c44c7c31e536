// The same, installed before the program's first thread: ours inherit it with their first instruction, and are made by the very
// calls by which the program's own are made.
// RUN-ENV: HOLDWATCH_LIMIT=300ms
// EXPECT: thread \d+ has likely held mutex L1 [\d.]+ ms \(limit 300 ms\); 1 thread waits
// EXPECT: the program has installed a seccomp filter
// EXPECT: L1 released
#include "tests/programs/filter.h"

int main() {
  FilteredHold hold;
  forbid_all_but_futex_write_and({SYS_clone, SYS_clone3, SYS_rt_sigaction, SYS_rt_sigprocmask, SYS_set_robust_list,
                                  SYS_rseq, SYS_clock_nanosleep, SYS_exit_group});
  hold.make_threads();
  hold.run();
  return 0;
}
