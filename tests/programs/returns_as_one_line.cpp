// ONLY=auto: what returns is shown in full the first time, and then as one line with a count; in JSON every one is an object. One that
// gets much worse than those before it is shown in full.
// RUN-ENV: HOLDWATCH_LIMIT=100ms HOLDWATCH_ONLY=auto
// EXPECT: episode 1, fingerprint
// EXPECT: "holder" has held mutex L\d+.*; as in episode 1 \(fingerprint [0-9a-f]{16}\), 2 times so far
// EXPECT: "holder" has held mutex L\d+
// EXPECT: episode 6, fingerprint
// EXPECT: released by \d+ "holder"
// FORBID: episode [2-5], fingerprint
// EXPECT-JSON: [r["times"] for r in over] == [1, 2, 3, 4, 5, 6] and count(phase="released") == 6
// EXPECT-JSON: len({r["fingerprint"] for r in over}) == 1
#include <mutex>

#include "tests/programs/harness.h"
using namespace harness;

namespace {

// The same stacks each time; somebody waits, so that it is reported again while it lasts.
void hold(size_t number, const char* until_said) {
  std::mutex lock;
  Event locked, release;
  Thread holder("holder", [&] {
    std::lock_guard guard(lock);
    locked.fire();
    release.wait();
  });
  locked.wait();
  Thread waiter("waiter", [&] { std::lock_guard guard(lock); });
  await_report("over", number);
  if (until_said != nullptr) await_words(until_said);
  release.fire();
  await_report("released", number);
}

}  // namespace

int main() {
  for (size_t number = 1; number <= 5; ++number) hold(number, nullptr);
  hold(6, "episode 6");
}
