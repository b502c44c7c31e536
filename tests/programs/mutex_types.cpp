// Mutexes of every type, protocol and robustness are watched alike.
// RUN-ENV: HOLDWATCH_LIMIT=300ms
// EXPECT-JSON: len(over) == 7 and len(released) == 7
// EXPECT-JSON: held_by(over) == {"normal", "recursive", "errorcheck", "adaptive", "robust", "inheriting",
//     "process-shared"}
// EXPECT-JSON: held_by(released) == held_by(over)
#include <deque>

#include "tests/programs/harness.h"
using namespace harness;

Event release;

// Holds a mutex with one attribute set, as what remains of `set` says.
template <typename Set>
void hold(Set set) {
  pthread_mutexattr_t attributes;
  pthread_mutex_t mutex;
  CHECK(pthread_mutexattr_init(&attributes) == 0);
  CHECK(set(&attributes) == 0);
  CHECK(pthread_mutex_init(&mutex, &attributes) == 0);
  CHECK(pthread_mutex_lock(&mutex) == 0);
  release.wait();
  CHECK(pthread_mutex_unlock(&mutex) == 0);
  CHECK(pthread_mutex_destroy(&mutex) == 0);
}

int main() {
  using Attributes = pthread_mutexattr_t*;
  std::deque<Thread> threads;
  auto add = [&](const char* name, auto set) { threads.emplace_back(name, [=] { hold(set); }); };
  add("normal", [](Attributes a) { return pthread_mutexattr_settype(a, PTHREAD_MUTEX_NORMAL); });
  add("recursive", [](Attributes a) { return pthread_mutexattr_settype(a, PTHREAD_MUTEX_RECURSIVE); });
  add("errorcheck", [](Attributes a) { return pthread_mutexattr_settype(a, PTHREAD_MUTEX_ERRORCHECK); });
  add("adaptive", [](Attributes a) { return pthread_mutexattr_settype(a, PTHREAD_MUTEX_ADAPTIVE_NP); });
  add("robust", [](Attributes a) { return pthread_mutexattr_setrobust(a, PTHREAD_MUTEX_ROBUST); });
  add("inheriting", [](Attributes a) { return pthread_mutexattr_setprotocol(a, PTHREAD_PRIO_INHERIT); });
  add("process-shared", [](Attributes a) { return pthread_mutexattr_setpshared(a, PTHREAD_PROCESS_SHARED); });
  await_report("over", threads.size());
  release.fire();
  await_report("released", threads.size());
  threads.clear();
}
