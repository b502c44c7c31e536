/* The first thread has made the lock and has its address in a saved register, but alice, who has it from a global variable, reads. */
#include "stage.h"

struct room {
  pthread_rwlock_t lock;
  int members;
};
static struct room* the_room;

static void* alice(void* p) {
  int ends[2];
  char byte;
  if (pipe(ends) != 0) return p;
  pthread_rwlock_rdlock(&the_room->lock);
  if (read(ends[0], &byte, 1)) {
  }
  pthread_rwlock_unlock(&the_room->lock);
  return p;
}

static void* carol(void* p) {
  pthread_rwlock_wrlock(&the_room->lock);
  the_room->members++;
  pthread_rwlock_unlock(&the_room->lock);
  return p;
}

int main(void) {
  const struct stage_holder reader = {"alice", "alice", "code", 1};
  struct room* room = the_room = calloc(1, sizeof *room);
  pthread_rwlock_init(&room->lock, NULL);
  stage_start("alice", alice, NULL);
  stage_answer("lock", &room->lock, STAGE_READ, &reader, 1);
  stage_start("carol", carol, NULL);
  stage_ready();
  pthread_rwlock_destroy(&room->lock);
  free(room);
  return 0;
}
