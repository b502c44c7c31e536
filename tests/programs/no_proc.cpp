// /proc is not mounted, from the first lock on: the report comes, without what only /proc tells, and says so.
// RUN-ENV: HOLDWATCH_LIMIT=200ms
// EXPECT: has likely held
// EXPECT: /proc is not mounted
// NO-BARE: the test's own means need /proc
#include <sched.h>
#include <sys/mount.h>

#include "tests/programs/harness.h"
using namespace harness;

int main() {
  if (unshare(CLONE_NEWNS) != 0 || mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
      umount2("/proc", MNT_DETACH) != 0)
    skip("this user cannot unmount /proc in a namespace of its own");
  hold_until_reported("holder");
  std::puts("done");
}
