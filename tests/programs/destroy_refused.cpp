// Destroying a mutex that is held fails: it stays held, and is reported.
// RUN-ENV: HOLDWATCH_LIMIT=200ms
// EXPECT-JSON: held_by(over) == {"holder"} and len(released) == 1
#include "tests/programs/harness.h"
using namespace harness;
int main() {
  pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
  Thread holder("holder", [&] {
    CHECK(pthread_mutex_lock(&lock) == 0);
    std::printf("destroyed: %d\n", pthread_mutex_destroy(&lock));
    await_report("over");
    CHECK(pthread_mutex_unlock(&lock) == 0);
  });
  holder.join();
  await_report("released");
}
