// A key that the program never made is refused as ever: ours is not the first one, which programs name by mistake.
// RUN-ENV: HOLDWATCH_LIMIT=1s
// EXPECT-NOTHING
#include <threads.h>

#include "tests/programs/harness.h"
using namespace harness;

int main() {
  int value = 0;
  {
    Thread thread("passing", [] {});
  }
  for (pthread_key_t never_made = 0; never_made < 8; ++never_made)
    std::printf("%d ", pthread_setspecific(never_made, &value));
  pthread_key_t first;
  CHECK(pthread_key_create(&first, nullptr) == 0);
  std::printf("first key: %u, C11: %d\n", first, tss_set(first + 1, &value));
}
