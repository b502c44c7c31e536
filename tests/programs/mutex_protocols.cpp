// Mutexes that inherit or protect priorities give every result that they give bare, also the unusual ones: relocked,
// taken below their ceiling or above it, given up by a dead owner. Nothing is reported but the unlocks of free ones.
// RUN-ENV: HOLDWATCH_LIMIT=60s
// EXPECT-JSON: all(event["event"] == "stray_unlock" for event in e)
#include <sched.h>

#include <ctime>

#include "tests/programs/harness.h"
using namespace harness;

struct Kind {
  const char* name;
  int type, protocol, robust;
};

void make(pthread_mutex_t* mutex, const Kind& kind, int ceiling) {
  pthread_mutexattr_t attributes;
  CHECK(pthread_mutexattr_init(&attributes) == 0);
  CHECK(pthread_mutexattr_settype(&attributes, kind.type) == 0);
  CHECK(pthread_mutexattr_setprotocol(&attributes, kind.protocol) == 0);
  CHECK(pthread_mutexattr_setrobust(&attributes, kind.robust) == 0);
  if (ceiling > 0) CHECK(pthread_mutexattr_setprioceiling(&attributes, ceiling) == 0);
  CHECK(pthread_mutex_init(mutex, &attributes) == 0);
}

timespec soon() {
  timespec time;
  clock_gettime(CLOCK_REALTIME, &time);
  time.tv_nsec += 20'000'000;
  if (time.tv_nsec >= 1'000'000'000) ++time.tv_sec, time.tv_nsec -= 1'000'000'000;
  return time;
}

void say(const char* call, int result) {
  std::printf(" %s %d errno %d", call, result, std::exchange(errno, 77));
}

void use_alone(pthread_mutex_t* mutex, bool relock) {
  const timespec end = soon();
  say("unlock", pthread_mutex_unlock(mutex));
  say("lock", pthread_mutex_lock(mutex));
  say("try", pthread_mutex_trylock(mutex));
  say("timed", pthread_mutex_timedlock(mutex, &end));
  say("clock", pthread_mutex_clocklock(mutex, CLOCK_MONOTONIC, &end));
  if (relock) say("again", pthread_mutex_lock(mutex));
  for (int round = 0; round < 4; ++round) say("unlock", pthread_mutex_unlock(mutex));
}

// What a thread without a real-time class, with one below the ceiling, or with one above it may do.
void use_with_ceiling(int policy, int priority) {
  pthread_mutex_t mutex;
  make(&mutex, {"", PTHREAD_MUTEX_ERRORCHECK, PTHREAD_PRIO_PROTECT, PTHREAD_MUTEX_STALLED}, 10);
  const sched_param parameters{priority};
  if (pthread_setschedparam(pthread_self(), policy, &parameters) != 0) skip("no right to use SCHED_FIFO");
  std::printf("ceiling, priority %d:", priority);
  use_alone(&mutex, true);
  int ceiling = 0;
  say("set", pthread_mutex_setprioceiling(&mutex, 20, &ceiling));
  std::printf(" was %d\n", ceiling);
}

void let_owner_die(pthread_mutex_t* mutex) {
  std::thread([=] { say("owner", pthread_mutex_lock(mutex)); }).join();
  say("next", pthread_mutex_lock(mutex));
  say("consistent", pthread_mutex_consistent(mutex));
  say("unlock", pthread_mutex_unlock(mutex));
  std::thread([=] { say("owner", pthread_mutex_lock(mutex)); }).join();
  say("try", pthread_mutex_trylock(mutex));
  say("unlock", pthread_mutex_unlock(mutex));
  say("lost", pthread_mutex_lock(mutex));
  say("destroy", pthread_mutex_destroy(mutex));
}

int main() {
  errno = 77;
  for (const Kind& kind :
       {Kind{"normal, inherit", PTHREAD_MUTEX_NORMAL, PTHREAD_PRIO_INHERIT, PTHREAD_MUTEX_STALLED},
        Kind{"errorcheck, inherit", PTHREAD_MUTEX_ERRORCHECK, PTHREAD_PRIO_INHERIT, PTHREAD_MUTEX_STALLED},
        Kind{"recursive, inherit", PTHREAD_MUTEX_RECURSIVE, PTHREAD_PRIO_INHERIT, PTHREAD_MUTEX_STALLED},
        Kind{"errorcheck, inherit, robust", PTHREAD_MUTEX_ERRORCHECK, PTHREAD_PRIO_INHERIT, PTHREAD_MUTEX_ROBUST},
        Kind{"errorcheck, robust", PTHREAD_MUTEX_ERRORCHECK, PTHREAD_PRIO_NONE, PTHREAD_MUTEX_ROBUST}}) {
    pthread_mutex_t mutex;
    make(&mutex, kind, 0);
    std::printf("%s:", kind.name);
    if (kind.type != PTHREAD_MUTEX_NORMAL) use_alone(&mutex, true);
    say("lock", pthread_mutex_lock(&mutex));
    std::thread([&] {
      const timespec end = soon();
      say("other's try", pthread_mutex_trylock(&mutex));
      say("timed", pthread_mutex_timedlock(&mutex, &end));
      say("unlock", pthread_mutex_unlock(&mutex));
    }).join();
    say("unlock", pthread_mutex_unlock(&mutex));
    if (kind.robust == PTHREAD_MUTEX_ROBUST) let_owner_die(&mutex);
    std::puts("");
  }
  std::thread(use_with_ceiling, SCHED_OTHER, 0).join();
  std::thread(use_with_ceiling, SCHED_FIFO, 5).join();
  std::thread(use_with_ceiling, SCHED_FIFO, 10).join();
  std::thread(use_with_ceiling, SCHED_FIFO, 15).join();
}
