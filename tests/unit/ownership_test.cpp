#include "shim/inspection/ownership.h"

#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <new>
#include <thread>

#include "tests/catch.h"
#include "tests/unit/recorded_thread.h"

namespace holdwatch {
namespace {

LockWord exclusive(const pthread_mutex_t& mutex) {
  return {&mutex, LockKind::mutex, Access::exclusive};
}
LockWord exclusive(const pthread_rwlock_t& rwlock) {
  return {&rwlock, LockKind::rwlock, Access::exclusive};
}
LockWord shared(const pthread_rwlock_t& rwlock) {
  return {&rwlock, LockKind::rwlock, Access::shared};
}

// A mutex of each kind whose layout could differ.
struct Mutex {
  pthread_mutex_t mutex;
  explicit Mutex(int type, int robust = PTHREAD_MUTEX_STALLED, int protocol = PTHREAD_PRIO_NONE) {
    pthread_mutexattr_t attributes;
    pthread_mutexattr_init(&attributes);
    pthread_mutexattr_settype(&attributes, type);
    pthread_mutexattr_setrobust(&attributes, robust);
    pthread_mutexattr_setprotocol(&attributes, protocol);
    pthread_mutex_init(&mutex, &attributes);
    pthread_mutexattr_destroy(&attributes);
  }
  ~Mutex() { pthread_mutex_destroy(&mutex); }
  Mutex(const Mutex&) = delete;
  Mutex& operator=(const Mutex&) = delete;
};

TEST_CASE("a mutex of any type confirms its holder and no other thread") {
  const int type = GENERATE(as<int>(), PTHREAD_MUTEX_NORMAL, PTHREAD_MUTEX_RECURSIVE, PTHREAD_MUTEX_ERRORCHECK,
                            PTHREAD_MUTEX_ADAPTIVE_NP);
  const int robust = GENERATE(as<int>(), PTHREAD_MUTEX_STALLED, PTHREAD_MUTEX_ROBUST);
  const int protocol = GENERATE(as<int>(), PTHREAD_PRIO_NONE, PTHREAD_PRIO_INHERIT);
  Mutex lock(type, robust, protocol);
  CHECK(confirm_ownership(exclusive(lock.mutex), gettid()) == Ownership::refuted);
  REQUIRE(pthread_mutex_lock(&lock.mutex) == 0);
  CHECK(confirm_ownership(exclusive(lock.mutex), gettid()) == Ownership::confirmed);
  CHECK(confirm_ownership(exclusive(lock.mutex), gettid() + 1) == Ownership::refuted);
  pthread_mutex_unlock(&lock.mutex);
  CHECK(confirm_ownership(exclusive(lock.mutex), gettid()) == Ownership::refuted);
}

TEST_CASE("a mutex that came from a dead owner confirms its holder, consistent or not yet") {
  const int protocol = GENERATE(as<int>(), PTHREAD_PRIO_NONE, PTHREAD_PRIO_INHERIT);
  Mutex lock(PTHREAD_MUTEX_NORMAL, PTHREAD_MUTEX_ROBUST, protocol);
  std::thread([&] { pthread_mutex_lock(&lock.mutex); }).join();
  REQUIRE(pthread_mutex_lock(&lock.mutex) == EOWNERDEAD);
  CHECK(confirm_ownership(exclusive(lock.mutex), gettid()) == Ownership::confirmed);
  CHECK(confirm_ownership(exclusive(lock.mutex), gettid() + 1) == Ownership::refuted);
  pthread_mutex_consistent(&lock.mutex);
  CHECK(confirm_ownership(exclusive(lock.mutex), gettid()) == Ownership::confirmed);
  pthread_mutex_unlock(&lock.mutex);
  CHECK(confirm_ownership(exclusive(lock.mutex), gettid()) == Ownership::refuted);
}

TEST_CASE("a robust mutex whose owner has exited has no holder: the next thread acquires it") {
  const int protocol = GENERATE(as<int>(), PTHREAD_PRIO_NONE, PTHREAD_PRIO_INHERIT);
  Mutex lock(PTHREAD_MUTEX_NORMAL, PTHREAD_MUTEX_ROBUST, protocol);
  int owner = 0;
  std::thread([&] {
    owner = gettid();
    pthread_mutex_lock(&lock.mutex);
  }).join();
  LockWord held;
  CHECK(confirm_ownership(exclusive(lock.mutex), owner) == Ownership::refuted);
  CHECK(owner_of(exclusive(lock.mutex), &held) == 0);
}

TEST_CASE("a mutex that another thread holds refutes this one") {
  RecordedThread holder;
  pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
  holder.run([&] { pthread_mutex_lock(&mutex); });
  CHECK(confirm_ownership(exclusive(mutex), holder.tid()) == Ownership::confirmed);
  CHECK(confirm_ownership(exclusive(mutex), gettid()) == Ownership::refuted);
  holder.run([&] { pthread_mutex_unlock(&mutex); });
}

TEST_CASE("a mutex that is free refutes also the thread that it still names") {
  pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
  mutex.__data.__owner = gettid();
  CHECK(confirm_ownership(exclusive(mutex), gettid()) == Ownership::refuted);
}

TEST_CASE("a write lock confirms its writer and no other thread") {
  pthread_rwlock_t rwlock = PTHREAD_RWLOCK_INITIALIZER;
  CHECK(confirm_ownership(exclusive(rwlock), gettid()) == Ownership::refuted);
  pthread_rwlock_wrlock(&rwlock);
  CHECK(confirm_ownership(exclusive(rwlock), gettid()) == Ownership::confirmed);
  CHECK(confirm_ownership(exclusive(rwlock), gettid() + 1) == Ownership::refuted);
  pthread_rwlock_unlock(&rwlock);
  CHECK(confirm_ownership(exclusive(rwlock), gettid()) == Ownership::refuted);
}

TEST_CASE("a read lock is confirmed as long as the lock has readers") {
  pthread_rwlock_t rwlock = PTHREAD_RWLOCK_INITIALIZER;
  CHECK(confirm_ownership(shared(rwlock), gettid()) == Ownership::refuted);
  pthread_rwlock_rdlock(&rwlock);
  CHECK(confirm_ownership(shared(rwlock), gettid()) == Ownership::confirmed);
  pthread_rwlock_unlock(&rwlock);
  CHECK(confirm_ownership(shared(rwlock), gettid()) == Ownership::refuted);
}

TEST_CASE("a lock whose memory is gone refutes everybody, and counts nothing") {
  void* page = mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  REQUIRE(page != MAP_FAILED);
  auto* mutex = new (page) pthread_mutex_t(PTHREAD_MUTEX_INITIALIZER);
  const LockWord of_mutex = exclusive(*mutex);
  const LockWord of_rwlock(page, LockKind::rwlock, Access::shared);
  pthread_mutex_lock(mutex);
  CHECK(confirm_ownership(of_mutex, gettid()) == Ownership::confirmed);
  munmap(page, 4096);
  CHECK(confirm_ownership(of_mutex, gettid()) == Ownership::refuted);
  CHECK(confirm_ownership(of_rwlock, gettid()) == Ownership::refuted);
  CHECK(held_count(of_mutex) == 1);
  CHECK(reader_count(of_rwlock) == 0);
}

TEST_CASE("a recursive mutex counts how often it is held, every other lock once") {
  Mutex recursive(PTHREAD_MUTEX_RECURSIVE);
  Mutex normal(PTHREAD_MUTEX_NORMAL);
  pthread_rwlock_t rwlock = PTHREAD_RWLOCK_INITIALIZER;
  CHECK(held_count(exclusive(recursive.mutex)) == 1);
  for (uint32_t count = 1; count <= 3; ++count) {
    pthread_mutex_lock(&recursive.mutex);
    CHECK(held_count(exclusive(recursive.mutex)) == count);
  }
  for (int i = 0; i < 3; ++i) pthread_mutex_unlock(&recursive.mutex);
  pthread_mutex_lock(&normal.mutex);
  CHECK(held_count(exclusive(normal.mutex)) == 1);
  pthread_mutex_unlock(&normal.mutex);
  CHECK(held_count(shared(rwlock)) == 1);
}

TEST_CASE("a read lock counts its readers, not its writers") {
  pthread_rwlock_t rwlock = PTHREAD_RWLOCK_INITIALIZER;
  CHECK(reader_count(shared(rwlock)) == 0);
  pthread_rwlock_rdlock(&rwlock);
  pthread_rwlock_rdlock(&rwlock);
  CHECK(reader_count(shared(rwlock)) == 2);
  pthread_rwlock_unlock(&rwlock);
  pthread_rwlock_unlock(&rwlock);
  pthread_rwlock_wrlock(&rwlock);
  CHECK(reader_count(shared(rwlock)) == 0);
  pthread_rwlock_unlock(&rwlock);
}

}  // namespace
}  // namespace holdwatch
