// A handler's alternate stack is an array of the thread's own: its lock call comes from above the one that it interrupted,
// which goes on all the same and is what is reported.
// RUN-ENV: HOLDWATCH_LIMIT=300ms
// EXPECT: "interrupted" has held mutex
// EXPECT-JSON: all(not has(holder(one)["taken"], "take_in_handler") for one in over)
#include <csignal>

#include "tests/programs/harness.h"
using namespace harness;

pthread_mutex_t wanted = PTHREAD_MUTEX_INITIALIZER, other = PTHREAD_MUTEX_INITIALIZER;
Event waits, handled, release;

void take_in_handler(int) {
  CHECK(pthread_mutex_lock(&other) == 0);
  CHECK(pthread_mutex_unlock(&other) == 0);
  handled.fire();
}

int main() {
  struct sigaction action {};
  action.sa_handler = take_in_handler;
  action.sa_flags = SA_ONSTACK;
  CHECK(sigaction(SIGUSR1, &action, nullptr) == 0);
  CHECK(pthread_mutex_lock(&wanted) == 0);
  pthread_t interrupted_id{};
  Thread interrupted("interrupted", [&] {
    alignas(16) char own_array[64 * 1024];
    stack_t stack{};
    stack.ss_sp = own_array;
    stack.ss_size = sizeof own_array;
    CHECK(sigaltstack(&stack, nullptr) == 0);
    interrupted_id = pthread_self();
    waits.fire();
    CHECK(pthread_mutex_lock(&wanted) == 0);
    release.wait();
    CHECK(pthread_mutex_unlock(&wanted) == 0);
    stack.ss_flags = SS_DISABLE;
    CHECK(sigaltstack(&stack, nullptr) == 0);
  });
  waits.wait();
  while (wanted.__data.__lock != 2) pause_briefly();  // somebody waits (nptl/lowlevellock.h)
  CHECK(pthread_kill(interrupted_id, SIGUSR1) == 0);
  handled.wait();
  CHECK(pthread_mutex_unlock(&wanted) == 0);
  await_report_of("over", "interrupted", 1);
  release.fire();
  interrupted.join();
}
