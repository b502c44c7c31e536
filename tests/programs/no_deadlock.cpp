// What looks like a circle and is none: waits that end by themselves, tries, locks that refuse their own thread, readers
// that read again, and a wait that a handler has jumped out of. None of it is called a deadlock, and all ends.
// RUN-ENV: HOLDWATCH_LIMIT=20ms HOLDWATCH_WAIT_LIMIT=20ms
// FORBID: deadlock of|which it holds itself
// EXPECT: has held
// EXPECT-JSON: {event["event"] for event in e} <= {"hold", "wait"}
#include <setjmp.h>

#include <array>
#include <csignal>

#include "tests/programs/harness.h"
using namespace harness;

pthread_mutex_t one = PTHREAD_MUTEX_INITIALIZER, two = PTHREAD_MUTEX_INITIALIZER;
std::atomic<bool> enough{false};
thread_local sigjmp_buf before_wait;

timespec soon() {
  timespec until;
  clock_gettime(CLOCK_REALTIME, &until);
  until.tv_nsec += 100'000'000;
  if (until.tv_nsec >= 1'000'000'000) ++until.tv_sec, until.tv_nsec -= 1'000'000'000;
  return until;
}

// Both have one lock and wait for the other's, for a while.
void wait_for_each_other_in_time() {
  pthread_barrier_t barrier;
  pthread_barrier_init(&barrier, nullptr, 2);
  const auto work = [&](pthread_mutex_t* own, pthread_mutex_t* other) {
    for (int round = 0; round < 3; ++round) {
      CHECK(pthread_mutex_lock(own) == 0);
      pthread_barrier_wait(&barrier);
      const timespec until = soon();
      if (pthread_mutex_timedlock(other, &until) == 0) CHECK(pthread_mutex_unlock(other) == 0);
      CHECK(pthread_mutex_unlock(own) == 0);
      pthread_barrier_wait(&barrier);
    }
  };
  Thread a("a", [&] { work(&one, &two); });
  Thread b("b", [&] { work(&two, &one); });
}

// The watch looks all the while at threads that are refused their own lock, or read it again, as fast as they can.
void take_again(pthread_mutex_t* refusing, pthread_rwlock_t* rwlock) {
  CHECK(pthread_mutex_lock(refusing) == 0);
  CHECK(pthread_rwlock_rdlock(rwlock) == 0);
  while (!enough) {
    CHECK(pthread_mutex_lock(refusing) == EDEADLK);
    CHECK(pthread_rwlock_rdlock(rwlock) == 0);
    CHECK(pthread_rwlock_unlock(rwlock) == 0);
  }
  CHECK(pthread_rwlock_unlock(rwlock) == 0);
  CHECK(pthread_mutex_unlock(refusing) == 0);
}

void take_again_and_again() {
  pthread_mutexattr_t kind;
  pthread_mutexattr_init(&kind);
  pthread_mutexattr_settype(&kind, PTHREAD_MUTEX_ERRORCHECK);
  std::array<pthread_mutex_t, 2> refusing;
  for (pthread_mutex_t& mutex : refusing) pthread_mutex_init(&mutex, &kind);
  pthread_rwlock_t rwlock = PTHREAD_RWLOCK_INITIALIZER;
  Thread a("a", [&] { take_again(&refusing[0], &rwlock); });
  Thread b("b", [&] { take_again(&refusing[1], &rwlock); });
  sleep_past_limit();
  enough = true;
}

// A reader reads again, behind a writer that is to go first but waits in time.
void read_again_behind_a_timed_writer() {
  pthread_rwlock_t rwlock = PTHREAD_RWLOCK_WRITER_NONRECURSIVE_INITIALIZER_NP;
  Event is_read, writer_waits;
  Thread reader("reader", [&] {
    CHECK(pthread_rwlock_rdlock(&rwlock) == 0);
    is_read.fire();
    writer_waits.wait();
    CHECK(pthread_rwlock_rdlock(&rwlock) == 0);
    CHECK(pthread_rwlock_unlock(&rwlock) == 0);
    CHECK(pthread_rwlock_unlock(&rwlock) == 0);
  });
  is_read.wait();
  Thread writer("writer", [&] {
    timespec until = soon();
    ++until.tv_sec;
    CHECK(pthread_rwlock_timedwrlock(&rwlock, &until) == ETIMEDOUT);
  });
  writer.wait_until_blocked_on(rwlock);
  writer_waits.fire();
}

// Each has one lock and has left its wait for the other's: one after the other, lest they wait for each other in truth.
void leave_the_wait() {
  Event has_one, has_two, a_has_left, go;
  const auto leave = [&](pthread_mutex_t* other) {
    if (sigsetjmp(before_wait, 1) == 0) pthread_mutex_lock(other);
  };
  Thread a("a", [&] {
    CHECK(pthread_mutex_lock(&one) == 0);
    has_one.fire();
    has_two.wait();
    leave(&two);
    a_has_left.fire();
    go.wait();
    CHECK(pthread_mutex_unlock(&one) == 0);
  });
  Thread b("b", [&] {
    CHECK(pthread_mutex_lock(&two) == 0);
    has_two.fire();
    has_one.wait();
    a_has_left.wait();
    leave(&one);
    go.wait();
    CHECK(pthread_mutex_unlock(&two) == 0);
  });
  a.wait_until_blocked_on(two);
  CHECK(pthread_kill(a.handle(), SIGUSR1) == 0);
  a_has_left.wait();
  b.wait_until_blocked_on(one);
  CHECK(pthread_kill(b.handle(), SIGUSR1) == 0);
  b.wait_until_blocked_in(SYS_read);
  sleep_past_limit();
  go.fire();
}

int main() {
  struct sigaction action {};
  action.sa_handler = [](int) { siglongjmp(before_wait, 1); };
  CHECK(sigaction(SIGUSR1, &action, nullptr) == 0);
  wait_for_each_other_in_time();
  take_again_and_again();
  read_again_behind_a_timed_writer();
  leave_the_wait();
}
