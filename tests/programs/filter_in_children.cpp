// A child of fork has the filter of the thread that forked, and no other's.
// RUN-ENV: HOLDWATCH_LIMIT=300ms
// EXPECT: child of a filtered thread
// EXPECT: has likely held mutex L1
// EXPECT: the program has installed a seccomp filter
// EXPECT: child of a free thread
// EXPECT-JSON: [holder(event)["now"]["complete"] for event in over] == [True]
#include <sys/wait.h>

#include <string_view>

#include "tests/programs/filter.h"
#include "tests/programs/harness.h"
using namespace harness;

void say(std::string_view text) {
  if (is_watched()) CHECK(write(STDERR_FILENO, text.data(), text.size()) >= 0);
}

// Returns the child's wait status.
int hold_in_child(bool is_filtered) {
  const pid_t child = fork();
  if (child == 0) {
    FilteredHold hold;
    hold.make_threads();
    hold.run();
    if (!is_filtered) await_report("over");
    _exit(0);
  }
  int status = -1;
  while (waitpid(child, &status, 0) != child) CHECK(errno == EINTR);
  return status;
}

int main() {
  Event filtered, end;
  Thread sandboxed("sandboxed", [&] {
    CHECK(try_filter({SYS_openat}, SECCOMP_RET_KILL_PROCESS, SECCOMP_RET_ALLOW, 0) == 0);
    say("child of a filtered thread\n");
    CHECK(hold_in_child(true) == 0);
    filtered.fire();
    end.wait();
  });
  filtered.wait();
  say("child of a free thread\n");
  CHECK(hold_in_child(false) == 0);
  end.fire();
}
