// A thread can be cancelled in every kind of wait as it can without the watch: deferred in condition waits, which give the
// mutex back to the cleanup handlers, and asynchronously also while it waits for a lock. What it held or waited for is
// not told of anybody afterwards.
// RUN-ENV: HOLDWATCH_LIMIT=200ms
// EXPECT-JSON: held_by(e) == {"holder", "later"}
// EXPECT-JSON: not any(event["waiters"] for event in e if "later" in held_by([event]))
#include <ctime>

#include "tests/programs/harness.h"
using namespace harness;

pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER, held = PTHREAD_MUTEX_INITIALIZER;
pthread_rwlock_t rwlock = PTHREAD_RWLOCK_INITIALIZER;
pthread_cond_t never = PTHREAD_COND_INITIALIZER;
constexpr timespec kLate{1L << 33, 0};
std::atomic<pid_t> waiter{0};

struct Wait {
  const char* name;
  void (*wait)();
  int type;
  bool has_mutex;
};

const Wait kWaits[] = {
    {"wait", [] { pthread_cond_wait(&never, &mutex); }, PTHREAD_CANCEL_DEFERRED, true},
    {"timedwait", [] { pthread_cond_timedwait(&never, &mutex, &kLate); }, PTHREAD_CANCEL_DEFERRED, true},
    {"clockwait", [] { pthread_cond_clockwait(&never, &mutex, CLOCK_MONOTONIC, &kLate); }, PTHREAD_CANCEL_DEFERRED,
     true},
    {"asynchronous wait", [] { pthread_cond_wait(&never, &mutex); }, PTHREAD_CANCEL_ASYNCHRONOUS, true},
    {"asynchronous timedwait", [] { pthread_cond_timedwait(&never, &mutex, &kLate); }, PTHREAD_CANCEL_ASYNCHRONOUS,
     true},
    {"asynchronous lock", [] { pthread_mutex_lock(&held); }, PTHREAD_CANCEL_ASYNCHRONOUS, false},
    {"asynchronous timedlock", [] { pthread_mutex_timedlock(&held, &kLate); }, PTHREAD_CANCEL_ASYNCHRONOUS, false},
    {"asynchronous rdlock", [] { pthread_rwlock_rdlock(&rwlock); }, PTHREAD_CANCEL_ASYNCHRONOUS, false},
    {"asynchronous wrlock", [] { pthread_rwlock_wrlock(&rwlock); }, PTHREAD_CANCEL_ASYNCHRONOUS, false},
};

void* waits(void* argument) {
  const Wait& how = *static_cast<const Wait*>(argument);
  waiter = static_cast<pid_t>(syscall(SYS_gettid));
  int old;
  CHECK(pthread_setcanceltype(how.type, &old) == 0);
  if (!how.has_mutex) {
    how.wait();
    return nullptr;
  }
  pthread_mutex_lock(&mutex);
  pthread_cleanup_push([](void*) { std::printf("unlocks: %d, ", pthread_mutex_unlock(&mutex)); }, nullptr);
  for (;;) how.wait();
  pthread_cleanup_pop(0);
  return nullptr;
}

void await_futex() {
  long number = -1;
  while (number != SYS_futex) {
    pause_briefly();
    if (waiter == 0) continue;
    const std::string line = read_file("/proc/self/task/" + std::to_string(waiter) + "/syscall");
    if (std::sscanf(line.c_str(), "%ld", &number) != 1) number = -1;
  }
}

int main() {
  Event locked, release, again;
  Thread holder("holder", [&] {
    CHECK(pthread_mutex_lock(&held) == 0 && pthread_rwlock_wrlock(&rwlock) == 0);
    locked.fire();
    release.wait();
    CHECK(pthread_mutex_unlock(&held) == 0 && pthread_rwlock_unlock(&rwlock) == 0);
  });
  locked.wait();
  for (const Wait& how : kWaits) {
    waiter = 0;
    pthread_t thread;
    CHECK(pthread_create(&thread, nullptr, waits, const_cast<Wait*>(&how)) == 0);
    await_futex();
    CHECK(pthread_cancel(thread) == 0);
    void* result = nullptr;
    CHECK(pthread_join(thread, &result) == 0);
    std::printf("%s cancelled: %d\n", how.name, result == PTHREAD_CANCELED);
  }
  await_report("over", 2);
  release.fire();
  await_report("released", 2);
  Thread later("later", [&] {
    CHECK(pthread_mutex_lock(&held) == 0 && pthread_mutex_lock(&mutex) == 0);
    again.wait();
    CHECK(pthread_mutex_unlock(&mutex) == 0 && pthread_mutex_unlock(&held) == 0);
  });
  await_report("over", 4);
  again.fire();
  await_report("released", 4);
}
