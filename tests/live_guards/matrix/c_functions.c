/* C functions: a reader that blocks between lock and unlock, one that leaves by goto, and one that has taken the lock in a helper. */
#include "stage.h"

struct cache {
  pthread_rwlock_t lock;
  int entries;
};
static struct cache first = {PTHREAD_RWLOCK_INITIALIZER, 1}, second = {PTHREAD_RWLOCK_INITIALIZER, 1},
                    third = {PTHREAD_RWLOCK_INITIALIZER, 1};

NOINLINE static int fetch(int from) {
  char byte = 0;
  return (int)read(from, &byte, 1);
}

NOINLINE static void look_up(struct cache* cache, int from) {
  pthread_rwlock_rdlock(&cache->lock);
  cache->entries += fetch(from);
  pthread_rwlock_unlock(&cache->lock);
}

NOINLINE static int leave_by_goto(struct cache* cache, int from) {
  int result = -1;
  if (!one) goto out;
  pthread_rwlock_rdlock(&cache->lock);
  if (cache->entries == 77) goto unlock;
  result = fetch(from);
unlock:
  pthread_rwlock_unlock(&cache->lock);
out:
  return result;
}

NOINLINE static void begin(struct cache* cache) {
  pthread_rwlock_rdlock(&cache->lock);
  sink = cache->entries;
}
NOINLINE static void end(struct cache* cache) {
  sink = cache->entries;
  pthread_rwlock_unlock(&cache->lock);
}
NOINLINE static void use_helpers(struct cache* cache, int from) {
  begin(cache);
  sink = fetch(from);
  end(cache);
}

static void* looks_up(void* cache) {
  look_up((struct cache*)cache, stage_pipe());
  return cache;
}
static void* leaves(void* cache) {
  sink = leave_by_goto((struct cache*)cache, stage_pipe());
  return cache;
}
static void* uses(void* cache) {
  use_helpers((struct cache*)cache, stage_pipe());
  return cache;
}
static void* writes(void* argument) {
  struct cache* cache = (struct cache*)argument;
  pthread_rwlock_wrlock(&cache->lock);
  ++cache->entries;
  pthread_rwlock_unlock(&cache->lock);
  return argument;
}

int main(void) {
  const struct stage_holder plain = {"plain", "look_up", "code", 1}, by_goto = {"by_goto", "leave_by_goto", "code", 1},
                            helpers = {"helpers", "use_helpers", "code", 1};
  stage_start("plain", looks_up, &first);
  stage_start("by_goto", leaves, &second);
  stage_start("helpers", uses, &third);
  stage_answer("first", &first.lock, STAGE_READ, &plain, 1);
  stage_answer("second", &second.lock, STAGE_READ, &by_goto, 1);
  stage_answer("third", &third.lock, STAGE_READ, &helpers, 1);
  stage_start("writes_first", writes, &first);
  stage_start("writes_second", writes, &second);
  stage_start("writes_third", writes, &third);
  stage_ready();
}
