// A server that starts as root and gives that up: the kernel hides most of /proc from it then, and the report says what
// cannot be seen rather than nothing.
// RUN-ENV: HOLDWATCH_LIMIT=200ms
// EXPECT: "before" has held
// EXPECT: "after" has held
// EXPECT-JSON: len(over) == 2 and has(holder(over[1])["taken"], "hold_until_reported")
// EXPECT-JSON: holder(over[1])["now"]["frames"] or holder(over[1])["now"]["note"]
#include <fcntl.h>
#include <grp.h>
#include <sys/prctl.h>
#include <sys/stat.h>

#include "tests/programs/harness.h"
using namespace harness;

int main() {
  if (geteuid() != 0) {
    std::puts("only root can give root up");
    std::fflush(stdout);
    _exit(kSkipped);
  }
  hold_until_reported("before");
  // The files of this test stay open to it.
  CHECK(chmod(temporary_path(".").c_str(), 0777) == 0);
  if (is_watched()) CHECK(chmod(std::getenv("HOLDWATCH_JSON"), 0666) == 0);
  constexpr uid_t kNobody = 65534;
  CHECK(setgroups(0, nullptr) == 0 && setresgid(kNobody, kNobody, kNobody) == 0);
  CHECK(setresuid(kNobody, kNobody, kNobody) == 0);
  hold_until_reported("after");
  std::printf("dumpable: %d\n", prctl(PR_GET_DUMPABLE));
}
