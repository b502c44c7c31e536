// A program that has closed its first three descriptors before its first thread: none of ours comes under their numbers.
// RUN-ENV: HOLDWATCH_LIMIT=200ms HOLDWATCH_LOG=none
// EXPECT-JSON: len(over) == 1 and len(released) == 1
#include <fcntl.h>

#include "tests/programs/harness.h"
using namespace harness;

int main() {
  const int output = fcntl(STDOUT_FILENO, F_DUPFD, 50);
  for (const int descriptor : {0, 1, 2}) close(descriptor);
  hold_until_reported("holder");
  int open_ones = 0;
  for (const int descriptor : {0, 1, 2}) open_ones += fcntl(descriptor, F_GETFD) >= 0 ? 1 : 0;
  CHECK(dup2(output, STDOUT_FILENO) == STDOUT_FILENO);
  std::printf("%d of the first three are open\n", open_ones);
}
