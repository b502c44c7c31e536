// Coroutines that swap stacks while they hold locks: a lock is held by the thread, on whichever stack it took it, and the
// report's stacks belong to that thread. What lies on a stack that nobody runs on is not guessed.
// RUN-ENV: HOLDWATCH_LIMIT=200ms
// EXPECT-JSON: len(over) == 2 and held_by(over) == {"loop"}
// EXPECT-JSON: all(event["holders"][0]["state"] == "blocked" for event in over)
// EXPECT-JSON: all(has(holder(event)["taken"], "takes") for event in over)
// EXPECT-JSON: all(has(holder(event)["now"], "other_coroutine") for event in over)
#include <ucontext.h>

#include "tests/programs/harness.h"
using namespace harness;

pthread_mutex_t first = PTHREAD_MUTEX_INITIALIZER, second = PTHREAD_MUTEX_INITIALIZER;
ucontext_t of_loop, of_one, of_other;
alignas(64) char stack_of_one[65536], stack_of_other[65536];
Event release;

OWN_FRAME void takes(pthread_mutex_t* lock) {
  CHECK(pthread_mutex_lock(lock) == 0);
}

OWN_FRAME void one_coroutine() {
  takes(&first);
  swapcontext(&of_one, &of_loop);
  CHECK(pthread_mutex_unlock(&first) == 0);
}

OWN_FRAME void other_coroutine() {
  takes(&second);
  release.wait();
  CHECK(pthread_mutex_unlock(&second) == 0);
}

void prepare(ucontext_t* context, char* stack, void (*function)()) {
  CHECK(getcontext(context) == 0);
  context->uc_stack.ss_sp = stack;
  context->uc_stack.ss_size = sizeof stack_of_one;
  context->uc_link = &of_loop;
  makecontext(context, function, 0);
}

int main() {
  Thread loop("loop", [] {
    prepare(&of_one, stack_of_one, one_coroutine);
    prepare(&of_other, stack_of_other, other_coroutine);
    swapcontext(&of_loop, &of_one);
    swapcontext(&of_loop, &of_other);
    swapcontext(&of_loop, &of_one);
  });
  await_report("over", 2);
  release.fire();
  await_report("released", 2);
  loop.join();
  std::puts("both gave their locks back");
}
