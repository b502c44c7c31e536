// The same filter, installed before the program's first thread: ours inherit it with their first instruction.
// RUN-ENV: HOLDWATCH_LIMIT=300ms
// EXPECT: thread \d+ has likely held mutex L1 [\d.]+ ms \(limit 300 ms\); 1 thread waits
// EXPECT: the program has put a filter on its system calls
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
  install_filter(
      {SYS_read,         SYS_write,     SYS_futex,           SYS_nanosleep, SYS_clock_nanosleep, SYS_exit,
       SYS_exit_group,   SYS_mmap,      SYS_munmap,          SYS_mprotect,  SYS_madvise,         SYS_brk,
       SYS_clone,        SYS_clone3,    SYS_set_robust_list, SYS_rseq,      SYS_rt_sigprocmask,  SYS_rt_sigreturn,
       SYS_rt_sigaction, SYS_getrandom, SYS_sched_yield},
      SECCOMP_RET_ALLOW, SECCOMP_RET_KILL_PROCESS);
  pthread_create(&holder, nullptr, hold_for_long, nullptr);
  const timespec head_start = {0, 50'000'000};
  nanosleep(&head_start, nullptr);
  pthread_create(&waiter, nullptr, take_turn, nullptr);
  void* failed = nullptr;
  pthread_join(holder, &failed);
  pthread_join(waiter, nullptr);
  _exit(failed == nullptr ? 0 : 4);
}
