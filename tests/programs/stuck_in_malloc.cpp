// A holder is stuck inside of malloc, with the lock of the only arena: whoever allocates waits for ever, our reporter
// included. The first words come all the same, without names; when malloc is free again, so are the reports.
// RUN-ENV: HOLDWATCH_LIMIT=200ms MALLOC_ARENA_MAX=1
// EXPECT: "stuck" has held
// EXPECT: "afterwards" has held
#include <malloc.h>

#include "tests/programs/harness.h"
using namespace harness;

Event release;

// glibc's malloc_stats prints while it holds the arena's lock, to whatever `stderr` is.
ssize_t write_slowly(void*, const char*, size_t size) {
  release.wait();
  return static_cast<ssize_t>(size);
}

int main() {
  FILE* const usual = stderr;
  pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
  std::atomic<bool> ended{false};
  stderr = fopencookie(nullptr, "w", {nullptr, write_slowly, nullptr, nullptr});
  CHECK(stderr != nullptr && std::setvbuf(stderr, nullptr, _IONBF, 0) == 0);
  Thread stuck("stuck", [&] {
    CHECK(pthread_mutex_lock(&lock) == 0);
    malloc_stats();
    CHECK(pthread_mutex_unlock(&lock) == 0);
    ended = true;
  });
  await_standard_error();
  const bool still_stuck = !ended;
  release.fire();
  stuck.join();
  stderr = usual;
  std::printf("was stuck: %d\n", still_stuck);
  hold_until_reported("afterwards");
}
