// A holder that itself waits for a lock says for which, and who holds that; here its own hold is the one to report, because the
// other lock may be held for any time.
// RUN-ENV: HOLDWATCH_LIMIT=300ms HOLDWATCH_ONLY=all
// EXPECT: ^  root +\d+ "first", read\(fd \d+ pipe:\[\d+\]\), its other end is open in this process; at least 1 thread waits for it, directly or through others$
// EXPECT-JSON: held_by(over + still) == {"second"}
// EXPECT-JSON: holder(still[-1])["waits_for"] == still[-1]["chain"][0]["holds"] != still[-1]["lock"]["id"]
// EXPECT-JSON: [step["thread"] for step in still[-1]["chain"]] == ["first", "second"]
// EXPECT-JSON: re.search(r"\bL\d+", holder(still[-1])["doing"])
#include "shim/holdwatch.h"

#include <mutex>

#include "tests/programs/harness.h"
using namespace harness;

int main() {
  std::mutex database, session;
  HOLDWATCH_SET_LIMIT(database.native_handle(), uint64_t{0});
  Event locked, release;
  Thread first("first", [&] {
    std::lock_guard guard(database);
    locked.fire();
    release.wait();
  });
  locked.wait();
  Thread second("second", [&] {
    std::lock_guard outer(session);
    std::lock_guard inner(database);
  });
  second.wait_until_blocked_on(database);
  await_report("over");
  await_next_report("still");
  release.fire();
  await_report("released");
}
