// The same at the one moment that is hard to hit: the mutex is taken and names nobody. A signal arrives in a call of libc's that
// has the mutex in a register, as the unlock has.
// RUN-ENV: HOLDWATCH_LIMIT=300ms HOLDWATCH_WAIT_LIMIT=60s
// EXPECT: thread \d+ "interrupted_unl" has waited \d+ ms for mutex L1, which it likely holds itself
// EXPECT: a signal interrupted the call that takes or releases it
// FORBID: holder unknown
// EXPECT-JSON: {event["event"] for event in e} == {"self_deadlock"} and holder(e[0])["likely"]
// EXPECT-JSON: has(holder(e[0])["now"], "on_signal") and has(holder(e[0])["now"], "main")
#include "tests/programs/interrupted.h"
using namespace harness;

namespace {

pthread_mutex_t g_mutex = PTHREAD_MUTEX_INITIALIZER;

OWN_FRAME void on_signal(int) {
  pthread_mutex_lock(&g_mutex);
  pthread_mutex_unlock(&g_mutex);
}

}  // namespace

int main() {
  interrupt_call_on(g_mutex, on_signal, [](pthread_mutex_t& mutex) { mutex.__data.__lock = 1; });
}
