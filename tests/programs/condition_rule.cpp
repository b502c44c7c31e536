// A rule of SUPPRESS can ask for condition waits: those in the function that it names are reported from its limit on, until
// they end; all others stay idleness.
// RUN-ENV: HOLDWATCH_LIMIT=100ms HOLDWATCH_WAIT_LIMIT=100ms HOLDWATCH_SUPPRESS={tmp}/rules
// RUN-FILE: rules: condition function=never_called limit=50ms
// RUN-FILE: rules: condition function=wait_for_work limit=300ms
// RUN-FILE: rules: condition function=wait_for_help limit=200ms
// RUN-FILE: rules: condition function=wait_for_work
// RUN-FILE: rules: any exe=*
// EXPECT: rules:4: a rule for condition waits needs a limit
// EXPECT: thread \d+ "worker" has waited .* for condition L\d+ \(limit 300 ms\)
// EXPECT: lock +L\d+ condition 0x[0-9a-f]+ work_came
// EXPECT: wait_for_work
// EXPECT: the long wait for L\d+ is over
// FORBID: "idle"|wait_for_ever
// EXPECT-JSON: e == waits and {w["lock"]["kind"] for w in waits} == {"condition"}
// EXPECT-JSON: waited_by(waits) == {"worker", "helper"}
// EXPECT-JSON: [[w["phase"] for w in waits if w["lock"]["name"] == name and w["phase"] != "still"] for name in ("work_came", "help_came")] == [["over", "released"]] * 2
// EXPECT-JSON: {(w["lock"]["name"], w["limit_ns"] // ms) for w in waits if w["phase"] != "released"} == {("work_came", 300), ("help_came", 200)}
// EXPECT-JSON: all(w["waiters"][0]["longest_ns"] >= w["limit_ns"] for w in waits if w["phase"] != "released")
// EXPECT-JSON: all(w["waiters"][0]["wait"]["kind"] == "condition" and w["waiters"][0]["wait"]["object"] == w["lock"]["address"] for w in waits if w["phase"] != "released")
// EXPECT-JSON: all(has(w["waiters"][0]["stack"], "wait_for_") for w in waits if w["phase"] != "released")
// EXPECT-JSON: len({(w["episode"], w["fingerprint"]) for w in waits}) == len({w["fingerprint"] for w in waits}) == 2
#include <condition_variable>
#include <mutex>

#include "tests/programs/harness.h"
using namespace harness;

std::condition_variable work_came, help_came;

namespace {

std::mutex mutex;
bool done = false;

OWN_FRAME void wait_for_work() {
  std::unique_lock guard(mutex);
  while (!done) work_came.wait(guard);
}

OWN_FRAME void wait_for_help() {
  std::unique_lock guard(mutex);
  while (!done) help_came.wait(guard);
}

// For the same condition.
OWN_FRAME void wait_for_ever() {
  std::unique_lock guard(mutex);
  while (!done) work_came.wait(guard);
}

}  // namespace

int main() {
  {
    Thread idle("idle", wait_for_ever);
    Thread worker("worker", wait_for_work);
    Thread helper("helper", wait_for_help);
    idle.wait_until_blocked_on(work_came);
    worker.wait_until_blocked_on(work_came);
    helper.wait_until_blocked_on(help_came);
    await_report("wait over", 2);
    {
      const std::lock_guard guard(mutex);
      done = true;
    }
    work_came.notify_all();
    help_came.notify_all();
  }
  await_report("wait released", 2);
}
