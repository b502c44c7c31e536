// What the tests of other detectors expect silence for, built anew (sasha-s/go-deadlock, Amanieu/parking_lot, DRD): many threads
// that nest locks in one order, mutexes and rwlocks; two orders, one after the other, or in many threads at once that agree; tries; many
// readers and few writers; locks that are taken again and again by their owner;
// readers that read again; locks whose memory is used again.
// RUN-ENV: HOLDWATCH_LIMIT=60s
// FORBID: deadlock|holdwatch\[\d+\]: thread
#include <array>
#include <memory>
#include <vector>

#include "tests/programs/harness.h"
using namespace harness;

namespace {

constexpr int kThreads = 8;
constexpr int kRounds = 300;

template <typename Work>
void in_many_threads(Work work) {
  std::vector<std::unique_ptr<Thread>> threads;
  for (int i = 0; i < kThreads; ++i) threads.push_back(std::make_unique<Thread>("worker", work));
}

void lock(pthread_mutex_t& mutex) {
  CHECK(pthread_mutex_lock(&mutex) == 0);
}

void unlock(pthread_mutex_t& mutex) {
  CHECK(pthread_mutex_unlock(&mutex) == 0);
}

void nest_in_one_order() {
  std::array<pthread_mutex_t, 3> mutexes;
  for (pthread_mutex_t& mutex : mutexes) pthread_mutex_init(&mutex, nullptr);
  in_many_threads([&] {
    for (int round = 0; round < kRounds; ++round) {
      for (pthread_mutex_t& mutex : mutexes) lock(mutex);
      for (pthread_mutex_t& mutex : mutexes) unlock(mutex);
    }
  });
}

void nest_rwlocks_in_one_order() {
  std::array<pthread_rwlock_t, 3> rwlocks;
  for (pthread_rwlock_t& rwlock : rwlocks) pthread_rwlock_init(&rwlock, nullptr);
  std::atomic<int> number{0};
  in_many_threads([&] {
    const bool writes = ++number % 2 == 0;
    for (int round = 0; round < kRounds; ++round) {
      for (pthread_rwlock_t& rwlock : rwlocks)
        CHECK((writes ? pthread_rwlock_wrlock(&rwlock) : pthread_rwlock_rdlock(&rwlock)) == 0);
      for (pthread_rwlock_t& rwlock : rwlocks) CHECK(pthread_rwlock_unlock(&rwlock) == 0);
    }
  });
}

void nest(pthread_mutex_t& outer, pthread_mutex_t& inner) {
  lock(outer);
  lock(inner);
  unlock(inner);
  unlock(outer);
}

void take_two_orders_in_turn() {
  pthread_mutex_t one = PTHREAD_MUTEX_INITIALIZER, two = PTHREAD_MUTEX_INITIALIZER;
  Thread("first", [&] { nest(one, two); }).join();
  Thread("second", [&] { nest(two, one); }).join();
  in_many_threads([&] {
    for (int round = 0; round < kRounds; ++round) nest(two, one);
  });
}

void write_among_many_readers() {
  pthread_rwlock_t rwlock = PTHREAD_RWLOCK_WRITER_NONRECURSIVE_INITIALIZER_NP;
  std::atomic<int> number{0};
  in_many_threads([&] {
    const bool writes = ++number % kThreads == 0;
    for (int round = 0; round < kRounds; ++round) {
      CHECK((writes ? pthread_rwlock_wrlock(&rwlock) : pthread_rwlock_rdlock(&rwlock)) == 0);
      CHECK(pthread_rwlock_unlock(&rwlock) == 0);
    }
  });
}

void try_in_every_order() {
  std::array<pthread_mutex_t, 2> mutexes = {pthread_mutex_t PTHREAD_MUTEX_INITIALIZER,
                                            pthread_mutex_t PTHREAD_MUTEX_INITIALIZER};
  std::atomic<int> number{0};
  in_many_threads([&] {
    const auto mine = static_cast<size_t>(++number % 2);
    for (int round = 0; round < kRounds; ++round) {
      lock(mutexes[mine]);
      if (pthread_mutex_trylock(&mutexes[1 - mine]) == 0) unlock(mutexes[1 - mine]);
      unlock(mutexes[mine]);
    }
  });
}

void take_again() {
  pthread_mutexattr_t kind;
  pthread_mutexattr_init(&kind);
  pthread_mutexattr_settype(&kind, PTHREAD_MUTEX_RECURSIVE);
  pthread_mutex_t mutex;
  CHECK(pthread_mutex_init(&mutex, &kind) == 0);
  pthread_rwlock_t rwlock = PTHREAD_RWLOCK_INITIALIZER;
  in_many_threads([&] {
    for (int round = 0; round < kRounds; ++round) {
      for (int level = 0; level < 3; ++level) lock(mutex);
      for (int level = 0; level < 3; ++level) CHECK(pthread_rwlock_rdlock(&rwlock) == 0);
      for (int level = 0; level < 3; ++level) CHECK(pthread_rwlock_unlock(&rwlock) == 0);
      for (int level = 0; level < 3; ++level) unlock(mutex);
    }
  });
}

void use_memory_again() {
  pthread_mutex_t mutex;
  for (int round = 0; round < kRounds; ++round) {
    CHECK(pthread_mutex_init(&mutex, nullptr) == 0);
    lock(mutex);
    unlock(mutex);
    CHECK(pthread_mutex_destroy(&mutex) == 0);
  }
}

}  // namespace

int main() {
  nest_in_one_order();
  nest_rwlocks_in_one_order();
  take_two_orders_in_turn();
  write_among_many_readers();
  try_in_every_order();
  take_again();
  use_memory_again();
}
