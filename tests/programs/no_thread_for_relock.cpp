// An only thread that locks its own error-checking mutex again is refused, not blocked: that gives it no thread of ours, and
// what only a process with one thread may do still works.
// RUN-ENV: HOLDWATCH_LIMIT=1s
// EXPECT-NOTHING
#include <dirent.h>

#include "tests/programs/harness.h"
using namespace harness;

int main() {
  pthread_mutex_t lock = PTHREAD_ERRORCHECK_MUTEX_INITIALIZER_NP;
  CHECK(pthread_mutex_lock(&lock) == 0);
  std::printf("again: %d\n", pthread_mutex_lock(&lock));
  int threads = -2;  // . and ..
  DIR* tasks = opendir("/proc/self/task");
  while (readdir(tasks) != nullptr) ++threads;
  closedir(tasks);
  std::printf("%d thread\n", threads);
}
