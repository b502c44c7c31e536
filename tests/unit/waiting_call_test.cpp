#include "shim/inspection/waiting_call.h"

#include <pthread.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <ctime>
#include <thread>

#include "tests/catch.h"
#include "tests/unit/waiting_functions.h"

namespace holdwatch {
namespace {

// Asks about a thread once it is blocked in a futex call.
template <typename Wait>
LockWord word_while_blocked(Wait wait, void (*let_go)()) {
  std::atomic<int> tid{0};
  std::thread thread([&] {
    tid = static_cast<int>(syscall(SYS_gettid));
    wait();
  });
  SyscallFile place;
  LockWord word;
  do {
    usleep(1000);
    place = {};
    if (tid != 0) read_syscall_file(tid, &place);
  } while (place.kind != SyscallFile::Kind::in_call || place.call.number != SYS_futex);
  lock_waited_for(place, &word);
  let_go();
  thread.join();
  return word;
}

pthread_mutex_t g_mutex = PTHREAD_MUTEX_INITIALIZER;
pthread_rwlock_t g_rwlock = PTHREAD_RWLOCK_INITIALIZER;

TEST_CASE("a thread that waits for a robust mutex is known by the mutex's word, for want of a function's name") {
  static pthread_mutex_t robust;
  pthread_mutexattr_t attributes;
  pthread_mutexattr_init(&attributes);
  pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
  pthread_mutex_init(&robust, &attributes);
  pthread_mutex_lock(&robust);
  const auto wait = [] {
    pthread_mutex_lock(&robust);
    pthread_mutex_unlock(&robust);
  };
  const LockWord word = word_while_blocked(wait, [] { pthread_mutex_unlock(&robust); });
  CHECK(word == LockWord(&robust, LockKind::mutex, Access::exclusive));
}

TEST_CASE("a thread that waits in pthread_mutex_lock waits for that mutex") {
  know_waiting_functions();
  pthread_mutex_lock(&g_mutex);
  const auto wait = [] {
    pthread_mutex_lock(&g_mutex);
    pthread_mutex_unlock(&g_mutex);
  };
  const LockWord word = word_while_blocked(wait, [] { pthread_mutex_unlock(&g_mutex); });
  CHECK(word == LockWord(&g_mutex, LockKind::mutex, Access::exclusive));
}

TEST_CASE("a thread that waits with a timeout waits for that mutex, but not forever") {
  know_waiting_functions();
  pthread_mutex_lock(&g_mutex);
  const auto wait = [] {
    const timespec tomorrow = {time(nullptr) + 86'400, 0};
    if (pthread_mutex_timedlock(&g_mutex, &tomorrow) == 0) pthread_mutex_unlock(&g_mutex);
  };
  const LockWord word = word_while_blocked(wait, [] { pthread_mutex_unlock(&g_mutex); });
  CHECK(word == LockWord(&g_mutex, LockKind::mutex, Access::exclusive).with_timeout());
}

TEST_CASE("a thread that waits for a rwlock waits to read or to write") {
  know_waiting_functions();
  pthread_rwlock_wrlock(&g_rwlock);
  const auto read = [] {
    pthread_rwlock_rdlock(&g_rwlock);
    pthread_rwlock_unlock(&g_rwlock);
  };
  const LockWord reading = word_while_blocked(read, [] { pthread_rwlock_unlock(&g_rwlock); });
  CHECK(reading == LockWord(&g_rwlock, LockKind::rwlock, Access::shared));

  pthread_rwlock_rdlock(&g_rwlock);
  const auto write = [] {
    pthread_rwlock_wrlock(&g_rwlock);
    pthread_rwlock_unlock(&g_rwlock);
  };
  const LockWord writing = word_while_blocked(write, [] { pthread_rwlock_unlock(&g_rwlock); });
  CHECK(writing == LockWord(&g_rwlock, LockKind::rwlock, Access::exclusive));
}

TEST_CASE("a thread in another system call, or in a condition wait, waits for no lock") {
  know_waiting_functions();
  static pthread_cond_t condition = PTHREAD_COND_INITIALIZER;
  static std::atomic<bool> done{false};
  const auto wait = [] {
    pthread_mutex_lock(&g_mutex);
    while (!done) pthread_cond_wait(&condition, &g_mutex);
    pthread_mutex_unlock(&g_mutex);
  };
  const LockWord word = word_while_blocked(wait, [] {
    pthread_mutex_lock(&g_mutex);
    done = true;
    pthread_cond_signal(&condition);
    pthread_mutex_unlock(&g_mutex);
  });
  CHECK(word.empty());

  SyscallFile elsewhere;
  elsewhere.kind = SyscallFile::Kind::in_call;
  elsewhere.call = {true, SYS_read, {}};
  LockWord none;
  CHECK_FALSE(lock_waited_for(elsewhere, &none));
}

}  // namespace
}  // namespace holdwatch
