// The deadlocks in the tests of other detectors, sasha-s/go-deadlock and Amanieu/parking_lot, built anew: each is reported
// once and as what it is, long before the limit. Which is which: docs/waits.md.
// RUN-ENV: HOLDWATCH_LIMIT=1h
// EXPECT: "locks twice" (has waited .* for|waits for) mutex L\d+, which it holds itself
// EXPECT: "reads, writes" (has waited .* for|waits for) rwlock L\d+, which it holds itself for reading
// EXPECT-JSON: {h["thread"] for event in deadlocks if event["event"] == "self_deadlock" for h in event["holders"]}
//     == {"locks twice", "reads, writes", "tries, locks", "tries to read"}
// EXPECT-JSON: {event["event"] for event in e} == {"deadlock", "self_deadlock"} and {event["phase"] for event in e} <= {"over", "still"}
// EXPECT-JSON: sorted(sorted({h["thread"] for h in event["holders"]}) for event in deadlocks if event["phase"] == "over" and event["event"] == "deadlock") == [["mutexes"], ["recursive"], ["rwlocks"]]
// EXPECT-JSON: all(len(event["cycle"]) == 3 for event in e if event["event"] == "deadlock")
// EXPECT-JSON: {h["mode"] for event in deadlocks for h in event["holders"] if h["thread"] == "rwlocks"} == {"shared"}
// NO-BARE: without a watch nothing would end it
#include <array>

#include "tests/programs/harness.h"
using namespace harness;

namespace {

constexpr size_t kRing = 3;

// Each of three threads takes its own lock, all meet, and each wants the next one's.
template <typename Lock>
void ring(const char* name, std::array<Lock, kRing>& locks, void (*take_own)(Lock&), void (*take_next)(Lock&)) {
  auto* all_have_one = new pthread_barrier_t;
  CHECK(pthread_barrier_init(all_have_one, nullptr, kRing) == 0);
  for (size_t i = 0; i < kRing; ++i)
    new Thread(name, [=, &locks] {
      take_own(locks[i]);
      pthread_barrier_wait(all_have_one);
      take_next(locks[(i + 1) % kRing]);
    });
}

void lock(pthread_mutex_t& mutex) {
  CHECK(pthread_mutex_lock(&mutex) == 0);
}

void lock_twice(pthread_mutex_t& mutex) {
  lock(mutex);
  lock(mutex);
}

void read(pthread_rwlock_t& rwlock) {
  CHECK(pthread_rwlock_rdlock(&rwlock) == 0);
}

void write(pthread_rwlock_t& rwlock) {
  CHECK(pthread_rwlock_wrlock(&rwlock) == 0);
}

std::array<pthread_mutex_t, kRing> mutexes, recursive;
std::array<pthread_rwlock_t, kRing> rwlocks;
pthread_mutex_t one_mutex = PTHREAD_MUTEX_INITIALIZER, tried_mutex = PTHREAD_MUTEX_INITIALIZER;
pthread_rwlock_t one_rwlock = PTHREAD_RWLOCK_INITIALIZER, tried_rwlock = PTHREAD_RWLOCK_INITIALIZER;

void read_then_write() {
  read(one_rwlock);
  write(one_rwlock);
}

void try_then_lock() {
  CHECK(pthread_mutex_trylock(&tried_mutex) == 0);
  lock(tried_mutex);
}

void try_to_read_then_write() {
  CHECK(pthread_rwlock_tryrdlock(&tried_rwlock) == 0);
  write(tried_rwlock);
}

}  // namespace

int main() {
  pthread_mutexattr_t kind;
  pthread_mutexattr_init(&kind);
  for (pthread_mutex_t& mutex : mutexes) pthread_mutex_init(&mutex, nullptr);
  pthread_mutexattr_settype(&kind, PTHREAD_MUTEX_RECURSIVE);
  for (pthread_mutex_t& mutex : recursive) pthread_mutex_init(&mutex, &kind);
  for (pthread_rwlock_t& rwlock : rwlocks) pthread_rwlock_init(&rwlock, nullptr);
  ring("mutexes", mutexes, lock, lock);
  ring("recursive", recursive, lock_twice, lock);
  ring("rwlocks", rwlocks, read, write);
  new Thread("locks twice", [] { lock_twice(one_mutex); });
  new Thread("reads, writes", read_then_write);
  new Thread("tries, locks", try_then_lock);
  new Thread("tries to read", try_to_read_then_write);
  await_report("deadlock", 3);
  await_report("self_deadlock", 4);
  std::_Exit(0);
}
