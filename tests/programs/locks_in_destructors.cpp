// What a thread holds while its thread-local objects and keys are destroyed, be it after our own part of its end, is
// reported with its name, and no longer than it lasts.
// RUN-ENV: HOLDWATCH_LIMIT=200ms
// EXPECT-JSON: held_by(over) == {"in object", "in key", "in last round"}
// EXPECT-JSON: len(over) == 3 and len(released) == 3 and not any(holder(event)["state"] == "gone" for event in over)
#include <climits>
#include <mutex>

#include "tests/programs/harness.h"
using namespace harness;

void hold() {
  static std::mutex lock;
  std::lock_guard guard(lock);
  await_next_report("over");
}

struct Holds {
  ~Holds() { hold(); }
};

pthread_key_t key, again;
thread_local long rounds = 0;

// Set again and again, until glibc gives up: then it is the last of all.
void destroy_again(void*) {
  if (++rounds == PTHREAD_DESTRUCTOR_ITERATIONS)
    hold();
  else
    CHECK(pthread_setspecific(again, &again) == 0);
}

int main() {
  CHECK(pthread_key_create(&key, [](void*) { hold(); }) == 0);
  CHECK(pthread_key_create(&again, destroy_again) == 0);
  Thread("in object", [] {
    thread_local Holds object;
    static_cast<void>(&object);
  });
  Thread("in key", [] { CHECK(pthread_setspecific(key, &key) == 0); });
  Thread("in last round", [] { CHECK(pthread_setspecific(again, &again) == 0); });
  await_report("released", 3);
  std::mutex lock;
  { std::lock_guard guard(lock); }
  std::puts("done");
}
