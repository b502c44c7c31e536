// A filtered program whose main thread has left by pthread_exit ends when its last thread does, by exit(0) in that thread, though
// nobody may look how many threads are left.
// RUN-ENV: HOLDWATCH_LIMIT=300ms
// EXPECT: L1 released
#include <cstdlib>

#include "tests/programs/filter.h"

pthread_barrier_t made, begin, held;
pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

void sleep_ms(long milliseconds) {
  const timespec time = {0, milliseconds * 1'000'000};
  clock_nanosleep(CLOCK_MONOTONIC, 0, &time, nullptr);
}

void* leave(void*) {
  pthread_exit(nullptr);  // loads what unwinds a thread that leaves so
}

void* hold(void*) {
  pthread_barrier_wait(&made);
  pthread_barrier_wait(&begin);
  pthread_mutex_lock(&lock);
  sleep_ms(600);  // exceeds the limit
  pthread_mutex_unlock(&lock);
  sleep_ms(500);  // its end is told
  pthread_barrier_wait(&held);
  return nullptr;
}

// Never takes a lock.
void* end_last(void*) {
  pthread_barrier_wait(&made);
  pthread_barrier_wait(&begin);
  pthread_barrier_wait(&held);
  sleep_ms(100);  // most likely the other has ended by then
  return nullptr;
}

int main() {
  std::atexit([] { (void)!write(STDOUT_FILENO, "exit handlers run\n", 18); });
  pthread_barrier_init(&made, nullptr, 3);
  pthread_barrier_init(&begin, nullptr, 3);
  pthread_barrier_init(&held, nullptr, 2);
  pthread_t thread;
  pthread_create(&thread, nullptr, leave, nullptr);
  pthread_join(thread, nullptr);
  pthread_create(&thread, nullptr, hold, nullptr);
  pthread_create(&thread, nullptr, end_last, nullptr);
  pthread_barrier_wait(&made);
  forbid_all_but_futex_write_and({SYS_clock_nanosleep, SYS_rt_sigprocmask, SYS_madvise, SYS_exit, SYS_exit_group});
  pthread_barrier_wait(&begin);
  pthread_exit(nullptr);
}
