// A lock made of a condition and a flag, waited for in slices, in a cycle with a mutex: by what was seen, only the other user of the
// lock ends the wait, and it waits for the mutex. Probably a deadlock, but no event of that name.
// RUN-ENV: HOLDWATCH_LIMIT=600ms
// EXPECT: thread \d+ "callback" has held mutex
// EXPECT: ^  now +in a condition wait on 0x\w+, timeout in .* \(signalled before by \d+ "script" at likely_cycle.cpp:\d+, .* ago\)(, for .*)?$
// EXPECT: ^ +\d+ "script" can likely end that$
// EXPECT: ^ +probably a deadlock: \d+ waits for L\d+$
// FORBID: ^  root
// EXPECT-JSON: holder(over[-1])["wait"]["kind"] == "condition" and ends_of("callback") == [(None, ["script"])]
// EXPECT-JSON: [(step["tid"], bool(step["holds"]), bool(step["waits_for"])) for step in over[-1]["likely_cycle"]]
//     == [(holder(over[-1])["tid"], True, False), (over[-1]["waiters"][0]["tids"][0], False, True)]
// EXPECT-JSON: over[-1]["chain"] == [] and over[-1]["root"] is None
// EXPECT-JSON: not deadlocks
#include <condition_variable>
#include <mutex>

#include "tests/programs/harness.h"
using namespace harness;

namespace {

class Interpreter {
 public:
  void take() {
    std::unique_lock guard(mutex_);
    ++waiting_;
    while (is_taken_) is_free_.wait_for(guard, 20ms);
    --waiting_;
    is_taken_ = true;
  }
  void drop() {
    std::lock_guard guard(mutex_);
    is_taken_ = false;
    is_free_.notify_one();
  }
  void await_waiter() const {
    while (waiting_ == 0) pause_briefly();
  }

 private:
  std::mutex mutex_;
  std::condition_variable is_free_;
  bool is_taken_ = false;
  std::atomic<int> waiting_{0};
};

}  // namespace

int main() {
  Interpreter interpreter;
  std::mutex registry;
  Event script_has_it, callback_has_had_it, script_has_it_again;
  const auto call_back = [&] {
    std::lock_guard guard(registry);
    interpreter.take();
    interpreter.drop();
  };
  Thread callback("callback", [&] {
    script_has_it.wait();
    call_back();
    callback_has_had_it.fire();
    script_has_it_again.wait();
    call_back();
  });
  Thread script("script", [&] {
    interpreter.take();
    script_has_it.fire();
    interpreter.await_waiter();
    interpreter.drop();
    callback_has_had_it.wait();
    interpreter.take();
    script_has_it_again.fire();
    interpreter.await_waiter();
    std::lock_guard guard(registry);
    interpreter.drop();
  });
  await_report_of("over", "callback", 1);
  std::fflush(stdout);
  _exit(0);
}
