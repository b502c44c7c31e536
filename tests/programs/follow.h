// What the programs about FOLLOW do: hold a lock, then execute themselves, by exec in a child.
#pragma once

#include <sys/wait.h>

#include <cstring>

#include "tests/programs/harness.h"

inline int hold_and_execute_self(int count, char** arguments) {
  using namespace harness;
  if (count > 1) {
    // Is it watched? The variable of the harness tells only what was meant.
    const char* preload = std::getenv("LD_PRELOAD");
    const bool watched = is_watched() && preload != nullptr && std::strstr(preload, "libholdwatch") != nullptr;
    if (watched) {
      hold_until_reported("executed");
    } else {
      pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
      CHECK(pthread_mutex_lock(&lock) == 0);
      Thread("bystander", [] { sleep_past_limit(); }).join();
      CHECK(pthread_mutex_unlock(&lock) == 0);
    }
    std::puts("executed");
    return 0;
  }
  hold_until_reported("first");
  std::fflush(stdout);
  const pid_t child = fork();
  if (child == 0) {
    execl("/proc/self/exe", arguments[0], "again", nullptr);
    _exit(9);
  }
  int status = -1;
  CHECK(waitpid(child, &status, 0) == child);
  return status;
}
