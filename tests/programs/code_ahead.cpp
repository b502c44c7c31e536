// A lock made of a condition, a mutex and a flag, whose holder has never dropped it: nobody was seen to signal the condition. Its code
// will, once it gets the mutex that the waiting thread has. Probably a deadlock, but no event of that name.
// RUN-ENV: HOLDWATCH_LIMIT=600ms
// EXPECT: thread \d+ "callback" has held mutex
// EXPECT: ^  now +in a condition wait on \(anonymous namespace\)::is_free, timeout in
// EXPECT: ^ +\d+ "script" can likely end that: its code goes on to signal it$
// EXPECT: ^ +probably a deadlock: \d+ waits for L\d+$
// EXPECT-JSON: ends_of("callback") == [(None, ["script"])]
// EXPECT-JSON: [(one["evidence"], one["likely"]) for one in wait_of("callback")["enders"]] == [("code", True)]
// EXPECT-JSON: ends_of("innocent") == [("no other thread has been seen to signal it", [])]
// EXPECT-JSON: not deadlocks
#include <condition_variable>
#include <mutex>

#include "tests/programs/harness.h"
using namespace harness;

namespace {

std::mutex interpreter, registry, other_registry;
std::condition_variable is_free, other;
bool is_taken = false;
Event script_has_it;

OWN_FRAME void take_interpreter() {
  std::unique_lock guard(interpreter);
  while (is_taken) is_free.wait_for(guard, 20ms);
  is_taken = true;
}

OWN_FRAME void drop_interpreter() {
  {
    std::lock_guard guard(interpreter);
    is_taken = false;
  }
  is_free.notify_one();
}

OWN_FRAME void call_back() {
  std::lock_guard guard(registry);
  script_has_it.wait();
  take_interpreter();
  drop_interpreter();
}

OWN_FRAME void run_script() {
  take_interpreter();
  script_has_it.fire();
  std::lock_guard guard(registry);
  drop_interpreter();
}

// Waits for a holder as well, but goes on to signal another condition.
OWN_FRAME void look_up() {
  std::lock_guard guard(other_registry);
  is_free.notify_one();
}

OWN_FRAME void wait_for_other() {
  std::lock_guard guard(other_registry);
  std::mutex own;
  std::unique_lock own_guard(own);
  other.wait(own_guard);
}

}  // namespace

int main() {
  Thread callback("callback", call_back);
  Thread script("script", [] {
    while (registry.try_lock()) {
      registry.unlock();
      pause_briefly();
    }
    run_script();
  });
  Thread innocent("innocent", wait_for_other);
  innocent.wait_until_blocked_on(other);
  Thread reader("reader", look_up);
  await_report_of("over", "callback", 1);
  await_report_of("over", "innocent", 1);
  std::fflush(stdout);
  _exit(0);
}
