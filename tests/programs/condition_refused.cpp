// A timed condition wait whose time or clock is not valid returns at once, and the mutex has been held throughout: a program
// that goes on asking so holds it for as long as it does.
// RUN-ENV: HOLDWATCH_LIMIT=200ms
// EXPECT-JSON: held_by(over) == {"timed", "clocked", "C11"} and len(over) == 3
#include <threads.h>

#include <ctime>

#include "tests/programs/harness.h"
using namespace harness;

constexpr timespec kNoTime{0, 1'000'000'000};
constexpr timespec kTime{0, 0};

template <typename Wait>
void ask_until_reported(Wait refused) {
  pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
  pthread_cond_t condition = PTHREAD_COND_INITIALIZER;
  CHECK(pthread_mutex_lock(&mutex) == 0);
  const size_t reported = is_watched() ? count_reports("over") : 0;
  do {
    CHECK(refused(&condition, &mutex));
    pause_briefly();
  } while (is_watched() && count_reports("over") == reported);
  CHECK(pthread_mutex_unlock(&mutex) == 0);
}

int main() {
  Thread("timed", [] {
    ask_until_reported([](pthread_cond_t* condition, pthread_mutex_t* mutex) {
      return pthread_cond_timedwait(condition, mutex, &kNoTime) == EINVAL;
    });
  });
  Thread("clocked", [] {
    ask_until_reported([](pthread_cond_t* condition, pthread_mutex_t* mutex) {
      return pthread_cond_clockwait(condition, mutex, CLOCK_MONOTONIC, &kNoTime) == EINVAL &&
             pthread_cond_clockwait(condition, mutex, CLOCK_PROCESS_CPUTIME_ID, &kTime) == EINVAL;
    });
  });
  Thread("C11", [] {
    ask_until_reported([](pthread_cond_t* condition, pthread_mutex_t* mutex) {
      return cnd_timedwait(reinterpret_cast<cnd_t*>(condition), reinterpret_cast<mtx_t*>(mutex), &kNoTime) ==
             thrd_error;
    });
  });
  await_report("released", 3);
}
