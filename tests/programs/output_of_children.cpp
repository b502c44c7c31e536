// Commands that the program runs inherit the preload: what they print is theirs alone.
// RUN-ENV: HOLDWATCH_LIMIT=200ms
// EXPECT-NOTHING
#include "tests/programs/harness.h"
using namespace harness;

int main() {
  FILE* pipe = popen("sh -c 'echo one; ls -d /; cat /proc/self/comm' 2>&1", "r");
  CHECK(pipe != nullptr);
  char line[256];
  while (std::fgets(line, sizeof line, pipe) != nullptr) std::fputs(line, stdout);
  std::printf("status %d\n", pclose(pipe));
}
