// What programs do to locks in error gives the results that it gives without us, and no report of what is not so.
// RUN-ENV: HOLDWATCH_LIMIT=100ms
// EXPECT-JSON: held_by(over) <= {"last"} and len(over) == 1
// EXPECT-JSON: [event["event"] for event in e if event["event"] != "hold"] == ["stray_unlock"] * 3
#include <cstring>
#include <initializer_list>

#include "tests/programs/harness.h"
using namespace harness;

template <typename Lock>
Lock of_bytes(int byte) {
  Lock lock;
  std::memset(&lock, byte, sizeof lock);
  return lock;
}

// In a braced list the calls are made in their order.
void print(const char* what, std::initializer_list<int> results) {
  std::printf("%s:", what);
  for (const int result : results) std::printf(" %d", result);
  std::puts("");
}

int main() {
  Thread thread("errs", [] {
    // Kinds that do not exist: refused, or taken for what their bits say.
    auto unknown = of_bytes<pthread_mutex_t>(0);
    for (int kind : {0x7f, 0x55, 0x0f, 0x04}) {
      unknown = of_bytes<pthread_mutex_t>(0);
      std::memcpy(reinterpret_cast<char*>(&unknown) + 16, &kind, sizeof kind);
      const int locked = pthread_mutex_trylock(&unknown);
      std::printf("kind %#x: %d", kind, locked);
      std::printf(" %d\n", pthread_mutex_unlock(&unknown));
    }
    pthread_mutexattr_t attributes;
    CHECK(pthread_mutexattr_init(&attributes) == 0);
    CHECK(pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_ERRORCHECK) == 0);
    pthread_mutex_t checked;
    CHECK(pthread_mutex_init(&checked, &attributes) == 0);
    std::printf("never locked: %d\n", pthread_mutex_unlock(&checked));
    print("checked", {pthread_mutex_lock(&checked), pthread_mutex_lock(&checked), pthread_mutex_unlock(&checked),
                      pthread_mutex_unlock(&checked)});
    // A plain mutex that is unlocked twice, and used again.
    pthread_mutex_t plain = PTHREAD_MUTEX_INITIALIZER;
    print("plain", {pthread_mutex_lock(&plain), pthread_mutex_unlock(&plain), pthread_mutex_unlock(&plain),
                    pthread_mutex_trylock(&plain), pthread_mutex_unlock(&plain)});
    pthread_rwlock_t free = PTHREAD_RWLOCK_INITIALIZER;
    print("rwlock", {pthread_rwlock_rdlock(&free), pthread_rwlock_unlock(&free), pthread_rwlock_destroy(&free)});
    // Memory that was a rwlock becomes a mutex while it is locked.
    union {
      pthread_rwlock_t rwlock;
      pthread_mutex_t mutex;
    } memory;
    memory.rwlock = PTHREAD_RWLOCK_INITIALIZER;
    CHECK(pthread_rwlock_wrlock(&memory.rwlock) == 0);
    memory.mutex = PTHREAD_MUTEX_INITIALIZER;
    print("reused",
          {pthread_mutex_lock(&memory.mutex), pthread_mutex_destroy(&memory.mutex), pthread_mutex_unlock(&memory.mutex),
           pthread_mutex_destroy(&memory.mutex), pthread_mutex_lock(&memory.mutex)});
  });
  thread.join();
  hold_until_reported("last");
}
