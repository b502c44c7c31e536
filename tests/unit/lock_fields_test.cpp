// The rules of shim/common/glibc/lock_fields.h, with the locks of the running libc.
#include "symbolizer/waits/lock_reader.h"

#include <pthread.h>
#include <unistd.h>

#include <cstring>
#include <thread>

#include "symbolizer/unwind/process_memory.h"
#include "tests/catch.h"

using namespace holdwatch;

namespace {

std::optional<LockFields> fields_of(const void* lock, LockKind kind) {
  ProcessMemory memory(getpid());
  return read_lock_fields({reinterpret_cast<uintptr_t>(lock), kind}, memory);
}

void set_up(pthread_mutex_t* mutex, int type, int protocol, int robust) {
  pthread_mutexattr_t attributes;
  pthread_mutexattr_init(&attributes);
  pthread_mutexattr_settype(&attributes, type);
  pthread_mutexattr_setprotocol(&attributes, protocol);
  pthread_mutexattr_setrobust(&attributes, robust);
  pthread_mutex_init(mutex, &attributes);
  pthread_mutexattr_destroy(&attributes);
}

}  // namespace

TEST_CASE("a mutex of any kind names its owner, and none once it is free") {
  for (const int type : {PTHREAD_MUTEX_NORMAL, PTHREAD_MUTEX_RECURSIVE, PTHREAD_MUTEX_ERRORCHECK}) {
    for (const int protocol : {PTHREAD_PRIO_NONE, PTHREAD_PRIO_INHERIT}) {
      for (const int robust : {PTHREAD_MUTEX_STALLED, PTHREAD_MUTEX_ROBUST}) {
        pthread_mutex_t mutex;
        set_up(&mutex, type, protocol, robust);
        pthread_mutex_lock(&mutex);
        const auto held = fields_of(&mutex, LockKind::mutex);
        REQUIRE(held);
        CHECK(held->owner == gettid());
        CHECK(held->robust == (robust == PTHREAD_MUTEX_ROBUST));
        CHECK(held->inherits == (protocol == PTHREAD_PRIO_INHERIT));
        CHECK(held->compares_owner ==
              (type != PTHREAD_MUTEX_NORMAL || protocol == PTHREAD_PRIO_INHERIT || robust == PTHREAD_MUTEX_ROBUST));
        CHECK_FALSE(held->owner_died);
        pthread_mutex_unlock(&mutex);
        CHECK(fields_of(&mutex, LockKind::mutex)->owner == 0);
      }
    }
  }
}

TEST_CASE("a mutex that was overwritten says so") {
  for (const int fill : {0x41, 0xa5, 0xff}) {
    for (const size_t size : {size_t{16}, sizeof(pthread_mutex_t)}) {
      pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
      std::memset(static_cast<void*>(&mutex), fill, size);
      CHECK(holdwatch::fields_of(mutex).is_overwritten);
      mutex.__data.__lock = 2;  // as the next thread leaves it that waits
      CHECK(holdwatch::fields_of(mutex).is_overwritten);
    }
  }
}

TEST_CASE("an owner is a thread that there can be") {
  pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
  mutex.__data.__lock = 2;
  for (const int owner : {1, 4'194'304}) {
    mutex.__data.__owner = owner;
    CHECK(holdwatch::fields_of(mutex).owner == owner);
    CHECK_FALSE(holdwatch::fields_of(mutex).is_overwritten);
  }
  for (const int owner : {-1, 4'194'305}) {
    mutex.__data.__owner = owner;
    CHECK(holdwatch::fields_of(mutex).owner == 0);
    CHECK(holdwatch::fields_of(mutex).is_overwritten);
  }
}

TEST_CASE("a recursive mutex says how often it is held") {
  pthread_mutex_t mutex;
  set_up(&mutex, PTHREAD_MUTEX_RECURSIVE, PTHREAD_PRIO_NONE, PTHREAD_MUTEX_STALLED);
  for (int i = 0; i < 3; ++i) pthread_mutex_lock(&mutex);
  CHECK(fields_of(&mutex, LockKind::mutex)->depth == 3);
  for (int i = 0; i < 3; ++i) pthread_mutex_unlock(&mutex);
}

TEST_CASE("a robust mutex whose owner has ended says so") {
  static pthread_mutex_t mutex;
  set_up(&mutex, PTHREAD_MUTEX_NORMAL, PTHREAD_PRIO_NONE, PTHREAD_MUTEX_ROBUST);
  std::thread([] { pthread_mutex_lock(&mutex); }).join();
  CHECK(fields_of(&mutex, LockKind::mutex)->owner_died);
  CHECK(fields_of(&mutex, LockKind::mutex)->owner == 0);
}

TEST_CASE("an rwlock names its writer, and counts its readers") {
  pthread_rwlock_t rwlock = PTHREAD_RWLOCK_INITIALIZER;
  pthread_rwlock_wrlock(&rwlock);
  CHECK(fields_of(&rwlock, LockKind::rwlock)->owner == gettid());
  pthread_rwlock_unlock(&rwlock);
  pthread_rwlock_rdlock(&rwlock);
  pthread_rwlock_rdlock(&rwlock);
  CHECK(fields_of(&rwlock, LockKind::rwlock)->owner == 0);
  CHECK(fields_of(&rwlock, LockKind::rwlock)->readers == 2);
  pthread_rwlock_unlock(&rwlock);
  pthread_rwlock_unlock(&rwlock);
}

namespace {

// As glibc leaves it: the reader count, with the bits for a waiting writer and the readers' turn.
pthread_rwlock_t awaited_by_writer(uint32_t readers) {
  pthread_rwlock_t rwlock = PTHREAD_RWLOCK_INITIALIZER;
  rwlock.__data.__readers = readers << 3 | 2;
  rwlock.__data.__wrphase_futex = 2;
  rwlock.__data.__writers_futex = 1;
  return rwlock;
}

bool is_miscounted(const pthread_rwlock_t& rwlock) {
  return holdwatch::fields_of(rwlock).is_miscounted;
}

}  // namespace

TEST_CASE("a writer that waits for no readers, or for fewer than none, is a miscount") {
  CHECK(is_miscounted(awaited_by_writer(0)));
  CHECK(is_miscounted(awaited_by_writer(0U - 1)));
  CHECK(is_miscounted(awaited_by_writer(0U - 1000)));
}

TEST_CASE("no number of readers that there can be is a miscount") {
  for (const uint32_t readers : {1u, 2u, 100'000u, 1u << 28, (1u << 28) + (1u << 22)})
    CHECK_FALSE(is_miscounted(awaited_by_writer(readers)));
}

TEST_CASE("an rwlock that differs in anything else is not called miscounted") {
  const auto with = [](void (*change)(pthread_rwlock_t&)) {
    pthread_rwlock_t rwlock = awaited_by_writer(0U - 1);
    change(rwlock);
    return is_miscounted(rwlock);
  };
  CHECK_FALSE(with([](pthread_rwlock_t& rwlock) { rwlock.__data.__readers |= 1; }));    // the writers' turn
  CHECK_FALSE(with([](pthread_rwlock_t& rwlock) { rwlock.__data.__readers &= ~2U; }));  // no writer is next
  CHECK_FALSE(with([](pthread_rwlock_t& rwlock) { rwlock.__data.__cur_writer = 4711; }));
  CHECK_FALSE(with([](pthread_rwlock_t& rwlock) { rwlock.__data.__wrphase_futex = 1; }));
  CHECK_FALSE(with([](pthread_rwlock_t& rwlock) { rwlock.__data.__writers_futex = 0; }));
  CHECK_FALSE(with([](pthread_rwlock_t& rwlock) { rwlock.__data.__shared = 2; }));
  CHECK(with([](pthread_rwlock_t& rwlock) { rwlock.__data.__readers |= 4; }));  // readers wait behind the writer
  CHECK(with([](pthread_rwlock_t& rwlock) { rwlock.__data.__writers_futex = 3; }));
  CHECK(with([](pthread_rwlock_t& rwlock) { rwlock.__data.__shared = 1; }));
}

TEST_CASE("bytes that can be no lock, and memory that is not there, are none") {
  unsigned char garbage[64];
  std::fill(std::begin(garbage), std::end(garbage), 0xee);
  CHECK_FALSE(fields_of(garbage, LockKind::mutex));
  CHECK_FALSE(fields_of(garbage, LockKind::rwlock));
  CHECK_FALSE(fields_of(nullptr, LockKind::mutex));
}
