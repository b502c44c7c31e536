// A condition wait takes its robust mutex back from an owner that has died: the waiter holds it, and is reported; when the
// mutex cannot be recovered any more, it does not.
// RUN-ENV: HOLDWATCH_LIMIT=200ms
// EXPECT-JSON: held_by(over) == {"heir"} and len(over) == 1 and len(released) == 1
#include "tests/programs/harness.h"
using namespace harness;

int main() {
  pthread_mutexattr_t attributes;
  pthread_mutex_t mutex;
  pthread_cond_t condition = PTHREAD_COND_INITIALIZER;
  CHECK(pthread_mutexattr_init(&attributes) == 0);
  CHECK(pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST) == 0);
  CHECK(pthread_mutex_init(&mutex, &attributes) == 0);
  const auto signal_and_die = [&] {
    const int locked = pthread_mutex_lock(&mutex);
    CHECK(pthread_cond_signal(&condition) == 0);
    std::printf("owner: %d\n", locked);
  };
  std::atomic<int> left{0};
  Thread heir("heir", [&] {
    CHECK(pthread_mutex_lock(&mutex) == 0);
    std::printf("wait: %d\n", pthread_cond_wait(&condition, &mutex));
    await_report("over");
    CHECK(pthread_mutex_consistent(&mutex) == 0);
    left = 1;
    std::printf("wait: %d\n", pthread_cond_wait(&condition, &mutex));
    CHECK(pthread_mutex_unlock(&mutex) == 0);  // inconsistent: from now on nobody gets it
    std::printf("lock: %d\n", pthread_mutex_lock(&mutex));
    sleep_past_limit();
  });
  heir.wait_until_blocked_on(condition);
  std::thread(signal_and_die).join();
  while (left == 0) pause_briefly();
  heir.wait_until_blocked_on(condition);
  std::thread(signal_and_die).join();
}
