// A thread cancelled inside a condition wait gets its mutex back for the cleanup handlers, as POSIX says, and whoever
// takes it later is not confused with it.
// RUN-ENV: HOLDWATCH_LIMIT=200ms
// EXPECT-JSON: count(phase="over") == 1 and held_by(e) == {"later"}
#include <mutex>

#include "tests/programs/harness.h"
using namespace harness;

pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
pthread_cond_t never = PTHREAD_COND_INITIALIZER;

void* waits(void*) {
  pthread_mutex_lock(&mutex);
  pthread_cleanup_push([](void*) { std::printf("unlocks: %d\n", pthread_mutex_unlock(&mutex)); }, nullptr);
  for (;;) pthread_cond_wait(&never, &mutex);
  pthread_cleanup_pop(0);
  return nullptr;
}

int main() {
  pthread_t waiter;
  CHECK(pthread_create(&waiter, nullptr, waits, nullptr) == 0);
  std::this_thread::sleep_for(50ms);  // so that it is likely inside; before it would do too
  CHECK(pthread_cancel(waiter) == 0);
  void* result = nullptr;
  CHECK(pthread_join(waiter, &result) == 0);
  std::printf("cancelled: %d\n", result == PTHREAD_CANCELED);

  Event release;
  Thread later("later", [&] {
    CHECK(pthread_mutex_lock(&mutex) == 0);
    release.wait();
    CHECK(pthread_mutex_unlock(&mutex) == 0);
  });
  await_report("over");
  release.fire();
  await_report("released");
}
