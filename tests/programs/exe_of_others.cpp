// EXE names other programs: this one is not watched, has no thread of ours and gets no file.
// RUN-ENV: HOLDWATCH_LIMIT=50ms HOLDWATCH_EXE=memcached*
// EXPECT-NOTHING
#include <dirent.h>
#include "tests/programs/harness.h"
using namespace harness;

int main() {
  pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
  int threads = -2;  // . and ..
  Thread holder("holder", [&] {
    CHECK(pthread_mutex_lock(&lock) == 0);
    std::this_thread::sleep_for(300ms);
    DIR* tasks = opendir("/proc/self/task");
    while (readdir(tasks) != nullptr) ++threads;
    closedir(tasks);
    CHECK(pthread_mutex_unlock(&lock) == 0);
  });
  holder.join();
  std::printf("%d threads\n", threads);
}
