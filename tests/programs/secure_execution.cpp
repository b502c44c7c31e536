// A program with more rights than its user's, which is linked to us: nobody's options count, and no file of theirs is made.
// The limit is the default then, which its hold does not reach.
// RUN-ENV: HOLDWATCH_LIMIT=100ms HOLDWATCH_LOG={tmp}/mine
// EXPECT: options are ignored$
// FORBID: held
// EXPECT-JSON: e == []
#include <sys/auxv.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <fstream>

#include "tests/programs/harness.h"
using namespace harness;

int main(int count, char**) {
  if (count > 1) {
    CHECK(getauxval(AT_SECURE) == 1);
    pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    Thread holder("holder", [&] {
      CHECK(pthread_mutex_lock(&lock) == 0);
      std::this_thread::sleep_for(500ms);
      CHECK(pthread_mutex_unlock(&lock) == 0);
    });
    holder.join();
    std::puts("held");
    return 0;
  }
  const std::string copy = temporary_path("privileged");
  if (geteuid() != 0) skip("only root can give a program to another user");
  std::ofstream(copy, std::ios::binary) << std::ifstream("/proc/self/exe", std::ios::binary).rdbuf();
  CHECK(chmod(temporary_path(".").c_str(), 0777) == 0);
  CHECK(chown(copy.c_str(), 65534, 65534) == 0 && chmod(copy.c_str(), 04755) == 0);
  const pid_t child = fork();
  if (child == 0) {
    execl(copy.c_str(), "privileged", "again", nullptr);
    _exit(9);
  }
  int status = -1;
  CHECK(waitpid(child, &status, 0) == child);
  constexpr int kLibraryNotFound = 127;
  if (WIFEXITED(status) && WEXITSTATUS(status) == kLibraryNotFound)
    skip("the build directory is closed to other users");
  std::printf("status %d, file of theirs: %d\n", status, access(temporary_path("mine").c_str(), F_OK) == 0);
  return 0;
}
