// A hold that began before the wait passes nobody by, nor do further levels of such a hold, nor one that is waited for itself.
// RUN-ENV: HOLDWATCH_LIMIT=10s HOLDWATCH_WAIT_LIMIT=400ms
// EXPECT-JSON: {w["waiters"][0]["threads"][0] for w in waits if w["phase"] == "over"} == {"writer", "locker"}
// EXPECT-JSON: all(w["passed_by"] is None for w in waits) and all(not g["polling"] for w in waits for g in w["waiters"])
// FORBID: holds? passed|^  passed
#include "tests/programs/harness.h"
using namespace harness;

pthread_rwlock_t list = PTHREAD_RWLOCK_INITIALIZER;
pthread_mutex_t table = PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP;

int main() {
  Event held;
  std::atomic<bool> done{false};
  Thread holder("holder", [&] {
    pthread_rwlock_rdlock(&list);
    pthread_mutex_lock(&table);
    held.fire();
    while (!done) {
      pthread_rwlock_rdlock(&list);
      pthread_mutex_lock(&table);
      std::this_thread::sleep_for(1ms);
      pthread_mutex_unlock(&table);
      pthread_rwlock_unlock(&list);
    }
    pthread_mutex_unlock(&table);
    pthread_rwlock_unlock(&list);
  });
  held.wait();
  Thread writer("writer", [] {
    pthread_rwlock_wrlock(&list);
    pthread_rwlock_unlock(&list);
  });
  Thread locker("locker", [] {
    pthread_mutex_lock(&table);
    pthread_mutex_unlock(&table);
  });
  await_report("wait", 2);
  await_report("wait still", 2);
  done = true;
  await_report("wait released", 2);
}
