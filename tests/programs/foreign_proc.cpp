// /proc shows another process id namespace than the program's, as after unshare without a mount: no thread is taken for
// another one, none is said to be gone, and the report says what is missing.
// RUN-ENV: HOLDWATCH_LIMIT=200ms
// EXPECT: has (likely )?held
// FORBID: exited|gone
// NO-BARE: the test's own means need /proc
#include <sched.h>
#include <sys/wait.h>

#include "tests/programs/harness.h"
using namespace harness;

int main() {
  if (unshare(CLONE_NEWPID) != 0) skip("this user cannot make a namespace of process ids");
  const pid_t child = fork();
  if (child == 0) {
    hold_until_reported("holder");
    _exit(0);
  }
  int status = -1;
  CHECK(waitpid(child, &status, 0) == child);
  return status;
}
