#include "shim/inspection/waiting_call.h"

#include <dlfcn.h>
#include <linux/futex.h>
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

TEST_CASE("a thread that waits for an inheriting mutex is known by the mutex's fields") {
  static pthread_mutex_t inheriting;
  pthread_mutexattr_t attributes;
  pthread_mutexattr_init(&attributes);
  pthread_mutexattr_setprotocol(&attributes, PTHREAD_PRIO_INHERIT);
  pthread_mutex_init(&inheriting, &attributes);
  pthread_mutex_lock(&inheriting);
  const auto wait = [] {
    pthread_mutex_lock(&inheriting);
    pthread_mutex_unlock(&inheriting);
  };
  const LockWord word = word_while_blocked(wait, [] { pthread_mutex_unlock(&inheriting); });
  CHECK(word == LockWord(&inheriting, LockKind::mutex, Access::exclusive));
}

TEST_CASE("a thread that waits by the kernel's protocol for a lock of the program's own waits for no mutex") {
  know_waiting_functions();
  static struct {
    uint32_t word = 0;
    uint32_t numbers[9] = {7, 7, 7, 7, 7, 7, 7, 7, 7};
  } own;
  const auto lock = [] { syscall(SYS_futex, &own.word, FUTEX_LOCK_PI_PRIVATE, 0, nullptr); };
  const auto unlock = [] { syscall(SYS_futex, &own.word, FUTEX_UNLOCK_PI_PRIVATE); };
  lock();
  CHECK(word_while_blocked([&] { lock(), unlock(); }, unlock).empty());
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

// Sleeps on a word of the program's, below words that lead into `function` like a return address that a call has left there.
[[gnu::noinline]] void sleep_below_stale_words(void* function, uint32_t* word, int value) {
  constexpr uintptr_t kIntoFunction = 24;
  volatile uintptr_t stale[40];
  for (volatile uintptr_t& one : stale) one = reinterpret_cast<uintptr_t>(function) + kIntoFunction;
  while (*static_cast<volatile uint32_t*>(word) == static_cast<uint32_t>(value))
    syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, value, nullptr, nullptr, 0);
  static_cast<void>(stale[0]);
}

TEST_CASE("what an earlier call has left on the stack is not the function that a thread is in") {
  know_waiting_functions();
  static uint32_t word;
  for (const char* name :
       {"pthread_mutex_lock", "pthread_rwlock_rdlock", "pthread_rwlock_wrlock", "pthread_cond_wait"}) {
    static void* function;
    function = dlsym(RTLD_DEFAULT, name);
    word = 2;
    const LockWord found = word_while_blocked([] { sleep_below_stale_words(function, &word, 2); },
                                              [] {
                                                word = 0;
                                                syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, 1, nullptr, nullptr, 0);
                                              });
    CAPTURE(name);
    CHECK(found.empty());
  }
}

TEST_CASE("the function that a thread waits in is known in every form of it") {
  know_waiting_functions();
  static const timespec tomorrow = {time(nullptr) + 86'400, 0};
  struct Form {
    void (*wait)();
    Access access;
  };
  pthread_rwlock_wrlock(&g_rwlock);
  for (const Form& form :
       {Form{[] { pthread_rwlock_timedrdlock(&g_rwlock, &tomorrow); }, Access::shared},
        Form{[] { pthread_rwlock_clockrdlock(&g_rwlock, CLOCK_REALTIME, &tomorrow); }, Access::shared},
        Form{[] { pthread_rwlock_timedwrlock(&g_rwlock, &tomorrow); }, Access::exclusive},
        Form{[] { pthread_rwlock_clockwrlock(&g_rwlock, CLOCK_REALTIME, &tomorrow); }, Access::exclusive}}) {
    static void (*wait)();
    wait = form.wait;
    const LockWord found = word_while_blocked(
        [] {
          wait();
          pthread_rwlock_unlock(&g_rwlock);
        },
        [] { pthread_rwlock_unlock(&g_rwlock); });
    CHECK(found == LockWord(&g_rwlock, LockKind::rwlock, form.access).with_timeout());
    pthread_rwlock_wrlock(&g_rwlock);
  }
  pthread_rwlock_unlock(&g_rwlock);
  pthread_mutex_lock(&g_mutex);
  const LockWord found = word_while_blocked(
      [] {
        if (pthread_mutex_clocklock(&g_mutex, CLOCK_REALTIME, &tomorrow) == 0) pthread_mutex_unlock(&g_mutex);
      },
      [] { pthread_mutex_unlock(&g_mutex); });
  CHECK(found == LockWord(&g_mutex, LockKind::mutex, Access::exclusive).with_timeout());
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
