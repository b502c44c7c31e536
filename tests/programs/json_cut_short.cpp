// A file that may not grow any further in the middle of a JSON line: what was written of it is taken back, and the loss is
// said. The file has whole lines only.
// RUN-ENV: HOLDWATCH_LIMIT=100ms
// EXPECT: "written" has held
// EXPECT: "lost" has held
// EXPECT: could not be written to .*events\.json: File too large
// EXPECT-JSON: held_by(e) == {"written"}
#include <sys/resource.h>
#include <sys/stat.h>

#include "tests/programs/harness.h"
using namespace harness;

namespace {

// Ends our files 40 bytes after the end of the JSON lines. The text is shorter than they are.
void let_no_line_fit() {
  struct stat status;
  CHECK(stat(std::getenv("HOLDWATCH_JSON"), &status) == 0);
  const auto longest = static_cast<rlim_t>(status.st_size) + 40;
  const rlimit limit{longest, longest};
  CHECK(setrlimit(RLIMIT_FSIZE, &limit) == 0);
}

}  // namespace

int main() {
  hold_until_reported("written");
  if (is_watched()) let_no_line_fit();
  pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
  Thread holder("lost", [&] {
    CHECK(pthread_mutex_lock(&lock) == 0);
    while (is_watched() && read_file("/proc/self/fd/2").find("could not be written") == std::string::npos)
      pause_briefly();
    CHECK(pthread_mutex_unlock(&lock) == 0);
  });
}
