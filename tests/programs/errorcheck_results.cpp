// Wrong use of an error-checking mutex gets the same answers as ever, and does not disturb the record of its holder.
// RUN-ENV: HOLDWATCH_LIMIT=200ms
// EXPECT-JSON: count(phase="over") == 1 and holder(over[0])["thread"] == "holder" and holder(over[0])["depth"] == 1
#include "tests/programs/harness.h"
using namespace harness;

int main() {
  pthread_mutex_t mutex = PTHREAD_ERRORCHECK_MUTEX_INITIALIZER_NP;
  std::printf("unlocked when free: %d\n", pthread_mutex_unlock(&mutex));
  Event locked, release;
  Thread holder("holder", [&] {
    std::printf("lock: %d\n", pthread_mutex_lock(&mutex));
    std::printf("lock again: %d\n", pthread_mutex_lock(&mutex));
    std::printf("try again: %d\n", pthread_mutex_trylock(&mutex));
    locked.fire();
    release.wait();
    std::printf("unlock: %d\n", pthread_mutex_unlock(&mutex));
    std::printf("unlock again: %d\n", pthread_mutex_unlock(&mutex));
  });
  locked.wait();
  std::printf("unlocked by another: %d\n", pthread_mutex_unlock(&mutex));
  std::printf("destroyed: %d\n", pthread_mutex_destroy(&mutex));
  await_report("over");
  release.fire();
  await_report("released");
}
