// A second filter that the kernel refuses leaves the first one in force.
// RUN-ENV: HOLDWATCH_LIMIT=300ms
// EXPECT: L1 released
#include "tests/programs/filter.h"

int main() {
  FilteredHold hold;
  hold.make_threads();
  forbid_all_but_futex_write_and({SYS_clock_nanosleep, SYS_exit_group, SYS_brk, SYS_prctl, SYS_seccomp});
  constexpr unsigned long kNoSuchFlag = 1UL << 20;
  if (try_filter({SYS_openat}, SECCOMP_RET_KILL_PROCESS, SECCOMP_RET_ALLOW, kNoSuchFlag | SECCOMP_FILTER_FLAG_TSYNC) ==
      0)
    _exit(5);
  hold.run();
  return 0;
}
