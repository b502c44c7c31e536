// A program with one thread that takes its own mutex again waits for ever. There was no watch until then: it begins
// when the only thread is about to block, and finds this.
// RUN-ENV: HOLDWATCH_LIMIT=200ms
// EXPECT: "blocks_on_itsel"
// EXPECT-JSON: {event["event"] for event in e} == {"self_deadlock"} and held_by(e) == {"blocks_on_itsel"}
// EXPECT-JSON: frame(holder(e[0])["now"], "takes_it_again")["line"] == line("BLOCKS HERE") and e[0]["waiters"] == []
// EXIT: SIGALRM
#include "tests/programs/harness.h"
using namespace harness;

pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

OWN_FRAME void takes_it_again() {
  pthread_mutex_lock(&mutex);  // BLOCKS HERE
  std::puts("never");
}

int main() {
  pthread_mutex_lock(&mutex);
  alarm(is_watched() ? 3 : 1);
  takes_it_again();
}
