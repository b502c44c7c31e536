// A filtered program ends by exit(): what our threads do when the process ends is not forbidden either.
// RUN-ENV: HOLDWATCH_LIMIT=300ms
// EXPECT: L1 released
// EXIT: 7
#include <cstdlib>

#include "tests/programs/filter.h"

int main() {
  FilteredHold hold;
  hold.make_threads();
  forbid_all_but_futex_write_and({SYS_clock_nanosleep, SYS_exit_group});
  hold.run();
  std::exit(7);
}
