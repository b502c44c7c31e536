// Locks are used before main, in destructors of thread-local objects and keys, in exit handlers: all outside the time
// in which a thread has its record for sure.
// RUN-ENV: HOLDWATCH_LIMIT=1s
// EXPECT-NOTHING
#include <mutex>

#include "tests/programs/harness.h"
using namespace harness;

std::mutex lock;
int uses = 0;

void use() {
  std::lock_guard guard(lock);
  ++uses;
}

struct BeforeMain {
  BeforeMain() { use(); }
  ~BeforeMain() { use(); }
} before_main;

struct AtThreadExit {
  ~AtThreadExit() { use(); }
};

int main() {
  std::atexit(use);
  pthread_key_t key;
  CHECK(pthread_key_create(&key, [](void*) { use(); }) == 0);
  for (int number = 0; number < 10; ++number) {
    Thread("edge", [&] {
      thread_local AtThreadExit object;
      static_cast<void>(&object);
      pthread_setspecific(key, &lock);
      use();
    }).join();
  }
  std::printf("%d\n", uses);
}
