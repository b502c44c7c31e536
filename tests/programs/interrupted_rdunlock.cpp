// A signal interrupts the unlock of a reader, which counts still, and its handler wants to write: the thread waits for itself,
// who reads.
// RUN-ENV: HOLDWATCH_LIMIT=300ms HOLDWATCH_WAIT_LIMIT=60s
// EXPECT: thread \d+ "interrupted_rdu" has waited \d+ ms for rwlock L1, which it likely holds itself for reading
// FORBID: holder unknown
// EXPECT-JSON: {event["event"] for event in e} == {"self_deadlock"} and holder(e[0])["likely"]
// EXPECT-JSON: holder(e[0])["mode"] == "shared" and has(holder(e[0])["now"], "on_signal")
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
  interrupt_call_on(g_rwlock, on_signal, [](pthread_rwlock_t& rwlock) { rwlock.__data.__readers = 8; });  // one reader
}
