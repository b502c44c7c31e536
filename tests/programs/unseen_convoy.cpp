// A thread takes and releases a mutex past our hooks, again and again: the mutex names it whenever it is looked at, but no hold
// of it is long. Only the wait is told, after WAIT_LIMIT.
// RUN-ENV: HOLDWATCH_LIMIT=300ms HOLDWATCH_WAIT_LIMIT=2s
// EXPECT-JSON: {event["event"] for event in e} <= {"wait"}
#include <dlfcn.h>

#include "tests/programs/harness.h"
using namespace harness;

int main() {
  void* libc = dlopen("libc.so.6", RTLD_NOW);
  const auto lock = reinterpret_cast<int (*)(pthread_mutex_t*)>(dlsym(libc, "pthread_mutex_lock"));
  const auto unlock = reinterpret_cast<int (*)(pthread_mutex_t*)>(dlsym(libc, "pthread_mutex_unlock"));
  CHECK(lock != nullptr && unlock != nullptr);
  pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
  std::atomic<bool> stop{false};
  Event has_it;
  Thread owner("owner", [&] {
    lock(&mutex);
    has_it.fire();
    while (!stop.load()) {
      std::this_thread::sleep_for(20ms);
      unlock(&mutex);
      lock(&mutex);
    }
    unlock(&mutex);
  });
  has_it.wait();
  Thread waiter("waiter", [&] {
    pthread_mutex_lock(&mutex);
    pthread_mutex_unlock(&mutex);
  });
  if (is_watched()) std::this_thread::sleep_for(1500ms);
  stop.store(true);
}
