// A process that has no file descriptor left is told what needs none: who, which lock, how long, how many wait.
// RUN-ENV: HOLDWATCH_LIMIT=300ms
// EXPECT: cannot load libholdwatch-symbolizer.so|has (likely )?held mutex L1
// EXPECT: thread \d+.* has (likely )?held mutex L1 [\d.]+ ms \(limit 300 ms\); 1 thread waits
#include <fcntl.h>
#include <pthread.h>
#include <sys/resource.h>
#include <unistd.h>

#include <ctime>

namespace {

pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

void* hold_for_long(void*) {
  pthread_mutex_lock(&lock);
  const timespec past_limit = {1, 0};
  const int cut = nanosleep(&past_limit, nullptr);
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
  const rlimit few = {64, 64};
  setrlimit(RLIMIT_NOFILE, &few);
  while (open("/dev/null", O_RDONLY) >= 0) {
  }
  pthread_t holder;
  pthread_t waiter;
  pthread_create(&holder, nullptr, hold_for_long, nullptr);
  const timespec head_start = {0, 50'000'000};
  nanosleep(&head_start, nullptr);
  pthread_create(&waiter, nullptr, take_turn, nullptr);
  void* failed = nullptr;
  pthread_join(holder, &failed);
  pthread_join(waiter, nullptr);
  return failed == nullptr ? 0 : 4;
}
