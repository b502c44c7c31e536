// A program closes its standard error and opens a data file, which gets the same number: not a byte of ours may get in.
// RUN-ENV: HOLDWATCH_LIMIT=200ms
// EXPECT-JSON: len(over) == 1
#include <sys/stat.h>

#include "tests/programs/harness.h"
using namespace harness;

int main() {
  const std::string path = temporary_path("data");
  CHECK(close(STDERR_FILENO) == 0);
  CHECK(open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600) == STDERR_FILENO);
  hold_until_reported("holder");
  struct stat status {};
  CHECK(fstat(STDERR_FILENO, &status) == 0 && status.st_size == 0);
}
