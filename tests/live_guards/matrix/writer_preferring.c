/* Readers that wait for a writer-preferring rwlock sleep on another word of it than those of other rwlocks. */
#include "stage.h"

static pthread_rwlock_t rwlock = PTHREAD_RWLOCK_WRITER_NONRECURSIVE_INITIALIZER_NP;

static void* alice(void* p) {
  pthread_rwlock_rdlock(&rwlock);
  sleep(100000);
  pthread_rwlock_unlock(&rwlock);
  return p;
}

static void* carol(void* p) {
  pthread_rwlock_wrlock(&rwlock);
  pthread_rwlock_unlock(&rwlock);
  return p;
}

static void* dave(void* p) {
  pthread_rwlock_rdlock(&rwlock);
  pthread_rwlock_unlock(&rwlock);
  return p;
}

int main(void) {
  const struct stage_holder reader = {"alice", "alice", "code", 1};
  stage_start("alice", alice, NULL);
  stage_answer("rwlock", &rwlock, STAGE_READ, &reader, 1);
  stage_start("carol", carol, NULL);
  stage_start("dave", dave, NULL);
  stage_waits("rwlock", &rwlock, "carol");
  stage_waits("rwlock", &rwlock, "dave");
  stage_ready();
}
