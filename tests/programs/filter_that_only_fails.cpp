// A filter that lets forbidden calls fail kills nobody: the report is whole.
// RUN-ENV: HOLDWATCH_LIMIT=300ms
// EXPECT-JSON: re.fullmatch(r"(clock_)?nanosleep\(1 s\)", holder(over[0])["doing"])
// EXPECT-JSON: over[0]["lock"]["kind"] == "mutex" and has(holder(over[0])["taken"], "FilteredHold::hold")
// FORBID: installed a seccomp filter
#include "tests/programs/filter.h"

int main() {
  FilteredHold hold;
  hold.make_threads();  // the watch begins
  install_filter({SYS_ptrace, SYS_mount}, SECCOMP_RET_ERRNO | 1, SECCOMP_RET_ALLOW);
  hold.run();
  return 0;
}
