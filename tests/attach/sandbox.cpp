// Filters its system calls when it is told to; with --thread, one of its threads has filtered its own from the start.
#include <cstring>
#include <iostream>
#include <string>

#include "tests/programs/filter.h"
#include "tests/programs/harness.h"
using namespace harness;

pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

void* sit_in_sandbox(void* filtered) {
  CHECK(try_filter({SYS_futex}, SECCOMP_RET_ALLOW, SECCOMP_RET_KILL_PROCESS, 0) == 0);
  pthread_barrier_wait(static_cast<pthread_barrier_t*>(filtered));
  pthread_barrier_t never;
  pthread_barrier_init(&never, nullptr, 2);
  pthread_barrier_wait(&never);
  return nullptr;
}

void* take_turns(void*) {
  while (true) {
    pthread_mutex_lock(&lock);
    pthread_mutex_unlock(&lock);
    const timespec pause = {0, 20'000'000};
    clock_nanosleep(CLOCK_MONOTONIC, 0, &pause, nullptr);
  }
}

int main(int count, char** arguments) {
  pthread_t thread;
  if (count > 1 && strcmp(arguments[1], "--thread") == 0) {
    pthread_barrier_t filtered;
    pthread_barrier_init(&filtered, nullptr, 2);
    CHECK(pthread_create(&thread, nullptr, sit_in_sandbox, &filtered) == 0);
    pthread_barrier_wait(&filtered);
  }
  CHECK(pthread_create(&thread, nullptr, take_turns, nullptr) == 0);
  std::string line;
  for (std::cout << "ready" << std::endl; std::getline(std::cin, line); std::cout << "done" << std::endl) {
    if (line == "filter") forbid_all_but_futex_write_and({SYS_read, SYS_clock_nanosleep, SYS_exit_group});
    if (line == "hold") CHECK(pthread_mutex_lock(&lock) == 0);
    if (line == "release") CHECK(pthread_mutex_unlock(&lock) == 0);
  }
  _exit(0);
}
