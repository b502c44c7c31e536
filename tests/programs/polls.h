// Ways to poll a lock that another thread has: one failed try each.
#pragma once

#include <threads.h>

#include <cstdio>

#include "tests/programs/harness.h"

namespace polls {

inline pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
inline pthread_mutex_t timed = PTHREAD_MUTEX_INITIALIZER;
inline pthread_rwlock_t written = PTHREAD_RWLOCK_INITIALIZER;
inline pthread_rwlock_t read = PTHREAD_RWLOCK_INITIALIZER;
inline mtx_t c11;
inline FILE* stream = nullptr;

inline void take_all() {
  CHECK(mtx_init(&c11, mtx_plain) == thrd_success);
  CHECK((stream = tmpfile()) != nullptr);
  CHECK(pthread_mutex_lock(&mutex) == 0 && pthread_mutex_lock(&timed) == 0);
  CHECK(pthread_rwlock_wrlock(&written) == 0 && pthread_rwlock_rdlock(&read) == 0);
  CHECK(mtx_lock(&c11) == thrd_success);
  flockfile(stream);
}

inline void release_all() {
  funlockfile(stream);
  CHECK(mtx_unlock(&c11) == thrd_success);
  CHECK(pthread_rwlock_unlock(&read) == 0 && pthread_rwlock_unlock(&written) == 0);
  CHECK(pthread_mutex_unlock(&timed) == 0 && pthread_mutex_unlock(&mutex) == 0);
}

struct Way {
  const char* thread;
  void (*fail)();
};

OWN_FRAME inline void try_mutex() {
  CHECK(pthread_mutex_trylock(&mutex) == EBUSY);
}
OWN_FRAME inline void try_timed() {
  timespec soon{};
  clock_gettime(CLOCK_REALTIME, &soon);
  CHECK(pthread_mutex_timedlock(&timed, &soon) == ETIMEDOUT);
}
OWN_FRAME inline void try_to_read() {
  CHECK(pthread_rwlock_tryrdlock(&written) == EBUSY);
}
OWN_FRAME inline void try_to_write() {
  CHECK(pthread_rwlock_trywrlock(&read) == EBUSY);
}
OWN_FRAME inline void try_c11() {
  CHECK(mtx_trylock(&c11) == thrd_busy);
}
OWN_FRAME inline void try_stream() {
  CHECK(ftrylockfile(stream) != 0);
}

inline constexpr Way kWays[] = {{"mutex", try_mutex},       {"timed", try_timed}, {"to read", try_to_read},
                                {"to write", try_to_write}, {"c11", try_c11},     {"stream", try_stream}};

}  // namespace polls
