// SUPPRESS: what a rule leaves out appears nowhere; one with a limit appears when it is that old, also if nobody waits; a bad
// line is one message.
// RUN-ENV: HOLDWATCH_LIMIT=100ms HOLDWATCH_SUPPRESS={tmp}/rules
// RUN-FILE: rules: # by design
// RUN-FILE: rules: hold function=hold_by_design
// RUN-FILE: rules: hold colour=red
// RUN-FILE: rules: hold function=hold_for_a_while limit=700ms
// EXPECT: HOLDWATCH_SUPPRESS: .*/rules:3: unknown condition "colour".*; this rule is not used
// EXPECT: "other" has held
// EXPECT: "a while" has held mutex
// FORBID: hold_by_design
// EXPECT-JSON: held_by(e) == {"other", "a while"}
// EXPECT-JSON: all(holder(r)["held_ns"] >= 700 * ms for r in e if holder(r)["thread"] == "a while")
// EXPECT-JSON: count(phase="over") == 2 and count(phase="released") == 2
#include <mutex>

#include "tests/programs/harness.h"
using namespace harness;

namespace {

// Not inlined, so that their names are in the stacks.
[[gnu::noinline]] void hold_by_design(std::mutex& lock, Event& locked, Event& release) {
  std::lock_guard guard(lock);
  locked.fire();
  release.wait();
}

[[gnu::noinline]] void hold_for_a_while(std::mutex& lock, Event& release) {
  std::lock_guard guard(lock);
  release.wait();
}

}  // namespace

int main() {
  std::mutex design, a_while;
  Event locked, release, enough;
  Thread by_design("design", [&] { hold_by_design(design, locked, release); });
  locked.wait();
  Thread for_a_while("a while", [&] { hold_for_a_while(a_while, enough); });
  hold_until_reported("other");
  await_report_of("over", "a while", 1);
  enough.fire();
  await_report_of("released", "a while", 1);
  release.fire();
}
