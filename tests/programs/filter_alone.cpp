// The only thread of a filtered program is about to block on a lock: threads of ours, which it may not make, do without.
// RUN-ENV: HOLDWATCH_LIMIT=100ms
// EXPECT-NOTHING
#include <cerrno>

#include "tests/programs/filter.h"

int main() {
  pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
  forbid_all_but_futex_write_and({SYS_exit_group});
  pthread_mutex_lock(&lock);
  timespec until;
  clock_gettime(CLOCK_REALTIME, &until);
  until.tv_sec += 1;
  _exit(pthread_mutex_timedlock(&lock, &until) == ETIMEDOUT ? 0 : 5);
}
