// A filter that lets forbidden calls fail kills nobody: the report is whole.
// RUN-ENV: HOLDWATCH_LIMIT=300ms
// EXPECT: now +blocked in (clock_)?nanosleep\(1 s\)
// EXPECT-JSON: over[0]["lock"]["kind"] == "mutex" and has(holder(over[0])["taken"], "hold_for_long")
// FORBID: filter on its system calls
#include <pthread.h>

#include <ctime>

#include "tests/programs/filter.h"

namespace {

pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

void* hold_for_long(void*) {
  pthread_mutex_lock(&lock);
  timespec left = {1, 0};
  const int cut = nanosleep(&left, nullptr);  // exceeds the limit
  pthread_mutex_unlock(&lock);
  return cut == 0 ? nullptr : &lock;
}

void* take_turn(void*) {
  pthread_mutex_lock(&lock);
  pthread_mutex_unlock(&lock);
  return nullptr;
}

}  // namespace

int main() {
  pthread_t holder;
  pthread_t waiter;
  pthread_create(&waiter, nullptr, take_turn, nullptr);  // the watch begins
  pthread_join(waiter, nullptr);
  install_filter({SYS_ptrace, SYS_mount}, SECCOMP_RET_ERRNO | 1, SECCOMP_RET_ALLOW);
  pthread_create(&holder, nullptr, hold_for_long, nullptr);
  const timespec head_start = {0, 50'000'000};
  nanosleep(&head_start, nullptr);
  pthread_create(&waiter, nullptr, take_turn, nullptr);
  void* failed = nullptr;
  pthread_join(holder, &failed);
  pthread_join(waiter, nullptr);
  _exit(failed == nullptr ? 0 : 4);
}
