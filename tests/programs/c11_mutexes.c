// C11 mutexes are watched, plain, recursive and timed, in a program in C: mtx_lock does not pass through the exported
// pthread_mutex_lock. A failed mtx_trylock and a timed-out mtx_timedlock are no holds.
// RUN-ENV: HOLDWATCH_LIMIT=300ms
// EXPECT-JSON: len(over) == 4 and held_by(e) == {"plain", "recursive", "timed", "tried"}
// EXPECT-JSON: len(released) == 4 and held_by(released) == held_by(over)
#define _GNU_SOURCE
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <threads.h>
#include <time.h>
#include <unistd.h>

#include "tests/programs/await_reports.h"

enum { kKinds = 4 };
static const char* const kNames[kKinds] = {"plain", "recursive", "timed", "tried"};
static const int kTypes[kKinds] = {mtx_plain, mtx_plain | mtx_recursive, mtx_timed, mtx_plain};
static mtx_t mutexes[kKinds];
static int release[2];  // a pipe: read until the other end is closed
static int locked[2];   // a pipe: a byte from each that holds
static const struct timespec kPast = {1, 0}, kNoDeadline = {1L << 33, 0};

#define CHECK(condition) \
  do {                   \
    if (!(condition)) {  \
      puts(#condition);  \
      exit(1);           \
    }                    \
  } while (0)

static int acquire(int kind) {
  if (kind == 2) return mtx_timedlock(&mutexes[kind], &kNoDeadline);
  if (kind == 3) return mtx_trylock(&mutexes[kind]);
  return mtx_lock(&mutexes[kind]);
}

static int hold(void* argument) {
  const int kind = *(const int*)argument;
  char byte;
  pthread_setname_np(pthread_self(), kNames[kind]);
  CHECK(acquire(kind) == thrd_success);
  CHECK(write(locked[1], "x", 1) == 1);
  CHECK(read(release[0], &byte, 1) == 0);
  CHECK(mtx_unlock(&mutexes[kind]) == thrd_success);
  return 0;
}

int main(void) {
  thrd_t threads[kKinds];
  int kinds[kKinds] = {0, 1, 2, 3};
  CHECK(pipe(release) == 0 && pipe(locked) == 0);
  for (int kind = 0; kind < kKinds; ++kind) {
    CHECK(mtx_init(&mutexes[kind], kTypes[kind]) == thrd_success);
    CHECK(thrd_create(&threads[kind], hold, &kinds[kind]) == thrd_success);
  }
  for (int kind = 0; kind < kKinds; ++kind) {
    char byte;
    CHECK(read(locked[0], &byte, 1) == 1);
  }
  printf("trylock: %d\n", mtx_trylock(&mutexes[0]));
  printf("timedlock: %d\n", mtx_timedlock(&mutexes[2], &kPast));
  await_reports("over", kKinds);
  close(release[1]);
  for (int kind = 0; kind < kKinds; ++kind) thrd_join(threads[kind], NULL);
  for (int kind = 0; kind < kKinds; ++kind) mtx_destroy(&mutexes[kind]);
  await_reports("released", kKinds);
  return 0;
}
