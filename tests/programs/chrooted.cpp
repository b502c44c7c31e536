// A program that shuts itself into an empty directory before its first thread: there is no symbolizer to be loaded any
// more, no /proc and no file to write to; a plain report comes all the same.
// RUN-ENV: HOLDWATCH_LIMIT=200ms
// EXPECT: cannot load libholdwatch-symbolizer\.so
// EXPECT: has (likely )?held
// NO-BARE: the test's own means need /proc
#include <sys/stat.h>

#include "tests/programs/harness.h"
using namespace harness;

int main() {
  const std::string cell = temporary_path("cell");
  CHECK(mkdir(cell.c_str(), 0700) == 0);
  if (chroot(cell.c_str()) != 0 || chdir("/") != 0) skip("this user cannot change its root directory");
  pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
  std::thread([&] {
    CHECK(pthread_mutex_lock(&lock) == 0);
    for (int round = 0; round < 2000 && lseek(STDERR_FILENO, 0, SEEK_END) < 300; ++round) pause_briefly();
    CHECK(pthread_mutex_unlock(&lock) == 0);
  }).join();
  std::puts("done");
}
