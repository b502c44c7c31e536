// A signal interrupts a call that has just taken an rwlock for writing, before it says who has it, and its handler wants the same:
// glibc's code does not even sleep then, it spins until the interrupted call goes on. That is a self-deadlock all the same.
// RUN-ENV: HOLDWATCH_LIMIT=300ms HOLDWATCH_WAIT_LIMIT=60s
// EXPECT: thread \d+ "interrupted_wrl" has waited \d+ ms for rwlock L1, which it likely holds itself for writing
// FORBID: holder unknown
// EXPECT-JSON: {event["event"] for event in e} == {"self_deadlock"} and holder(e[0])["likely"]
// EXPECT-JSON: holder(e[0])["mode"] == "exclusive" and has(holder(e[0])["now"], "on_signal")
#include "tests/programs/interrupted.h"
using namespace harness;

namespace {

pthread_rwlock_t g_rwlock = PTHREAD_RWLOCK_INITIALIZER;

OWN_FRAME void on_signal(int) {
  pthread_rwlock_wrlock(&g_rwlock);
  pthread_rwlock_unlock(&g_rwlock);
}

}  // namespace

int main() {
  interrupt_call_on(g_rwlock, on_signal, [](pthread_rwlock_t& rwlock) {
    rwlock.__data.__readers = 3;        // write-locked, and the writers' turn
    rwlock.__data.__wrphase_futex = 1;  // __writers_futex is not set yet
  });
}
