// A program that never makes a thread gets none from us; the watch begins with its first one.
// RUN-ENV: HOLDWATCH_LIMIT=1s
// EXPECT-NOTHING
#include <dirent.h>

#include <mutex>

#include "tests/programs/harness.h"
using namespace harness;

int count_threads() {
  DIR* directory = opendir("/proc/self/task");
  CHECK(directory != nullptr);
  int count = 0;
  while (const dirent* entry = readdir(directory)) count += entry->d_name[0] != '.' ? 1 : 0;
  closedir(directory);
  return count;
}

int main() {
  std::mutex lock;
  for (int round = 0; round < 1000; ++round) std::lock_guard guard(lock);
  CHECK(count_threads() == 1);

  Event done;
  Thread first("first", [&] { done.wait(); });
  first.tid();
  if (is_watched()) {
    while (count_threads() < 3) pause_briefly();
  } else {
    CHECK(count_threads() == 2);
  }
  done.fire();
}
