// A hold that ended before the watch looked, of a lock that helpers with large frames took and returned: with STACKS=full the
// late report has them and their caller.
// NO-BARE: the parent stops threads of the watch
// RUN-ENV: HOLDWATCH_LIMIT=3s HOLDWATCH_STACKS=full
// EXPECT-JSON: len(late) == 1 and holder(late[0])["taken"]["complete"]
// EXPECT-JSON: functions(holder(late[0])["taken"])[:3] == ["takes()", "guards()", "works(int, int)"]
#include "tests/programs/late.h"
using namespace harness;

pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

#define LARGE_FRAME [[gnu::noipa, gnu::optimize("omit-frame-pointer")]]

LARGE_FRAME void takes() {
  char buffer[400];
  __asm__ volatile("" ::"r"(buffer) : "memory");
  pthread_mutex_lock(&lock);
  __asm__ volatile("" ::: "memory");
}

LARGE_FRAME void guards() {
  char buffer[300];
  __asm__ volatile("" ::"r"(buffer) : "memory");
  takes();
  __asm__ volatile("" ::: "memory");
}

OWN_FRAME void works(int tell, int listen) {
  guards();
  char byte = 'h';
  CHECK(write(tell, &byte, 1) == 1);
  CHECK(read(listen, &byte, 1) == 1);
  pthread_mutex_unlock(&lock);
  std::atomic_signal_fence(std::memory_order_seq_cst);
}

int main(int argc, char** argv) {
  return miss_what_is_held(argc, argv, works);
}
