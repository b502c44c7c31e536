// A recursive mutex behind wrapper functions, as in a library of portable locks. An inner function that ends in a jump to the
// unlock's wrapper has left its own level, not that of its caller: the report of the hold shows the caller. So do the reports of
// later holds, for which the call sites are known.
// RUN-ENV: HOLDWATCH_LIMIT=200ms HOLDWATCH_REPEAT=0
// EXPECT-JSON: len(over) == 2 and all(holder(event)["depth"] == 1 for event in over)
// EXPECT-JSON: all(has(holder(event)["taken"], "::outer") for event in over)
// EXPECT-JSON: not any(has(holder(event)["taken"], "::inner") for event in over)
#include "tests/programs/harness.h"
using namespace harness;

namespace {

pthread_mutex_t g_mutex = PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP;
int g_guarded;

OWN_FRAME bool acquire() {
  const bool is_held = pthread_mutex_lock(&g_mutex) == 0;
  ++g_guarded;
  return is_held;
}

OWN_FRAME bool release() {
  --g_guarded;
  return pthread_mutex_unlock(&g_mutex) == 0;
}

OWN_FRAME bool inner() {
  acquire();
  ++g_guarded;
  return release();
}

OWN_FRAME bool outer(Event& done) {
  acquire();
  inner();
  done.wait();
  return release();
}

}  // namespace

int main() {
  for (size_t round = 1; round <= 2; ++round) {
    Event done;
    Thread holder("holder", [&] { outer(done); });
    await_report("over", round);
    done.fire();
    holder.join();
  }
}
