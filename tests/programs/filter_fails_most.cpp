// A filter that lets all calls fail but those that the program makes itself, and futex and write: nobody is killed, and the
// hold and its end are told all the same, on standard error, which nobody may ask about.
// RUN-ENV: HOLDWATCH_LIMIT=300ms
// EXPECT: has likely held mutex L1
// EXPECT: L1 released by
// FORBID: exited
// FORBID: holdwatch\[-1\]
#include <cerrno>

#include "tests/programs/filter.h"

int main() {
  FilteredHold hold;
  hold.make_threads();  // the watch begins
  install_filter({SYS_futex, SYS_write, SYS_clock_nanosleep, SYS_exit_group}, SECCOMP_RET_ALLOW,
                 SECCOMP_RET_ERRNO | EPERM);
  hold.run();
  return 0;
}
