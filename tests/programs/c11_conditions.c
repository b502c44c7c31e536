// C11's condition waits are not holds either: cnd_wait and cnd_timedwait.
// RUN-ENV: HOLDWATCH_LIMIT=200ms HOLDWATCH_WAIT_LIMIT=200ms
// EXPECT-NOTHING
#include <stdio.h>
#include <stdlib.h>
#include <threads.h>
#include <time.h>

static mtx_t mutex;
static cnd_t changed;
static int done;
static const struct timespec kNoDeadline = {1L << 33, 0};

static int waits(void* unused) {
  (void)unused;
  mtx_lock(&mutex);
  while (!done) cnd_wait(&changed, &mutex);
  return mtx_unlock(&mutex);
}

static int waits_with_deadline(void* unused) {
  (void)unused;
  mtx_lock(&mutex);
  while (!done) cnd_timedwait(&changed, &mutex, &kNoDeadline);
  return mtx_unlock(&mutex);
}

int main(void) {
  const struct timespec past_limit = {0, getenv("HOLDWATCH_JSON") ? 900000000L : 10000000L};
  thrd_t first, second;
  mtx_init(&mutex, mtx_timed);
  cnd_init(&changed);
  thrd_create(&first, waits, NULL);
  thrd_create(&second, waits_with_deadline, NULL);
  thrd_sleep(&past_limit, NULL);
  mtx_lock(&mutex);
  done = 1;
  mtx_unlock(&mutex);
  cnd_broadcast(&changed);
  thrd_join(first, NULL);
  thrd_join(second, NULL);
  puts("done");
  return 0;
}
