// A deadlock of threads that hold no lock at all: each joins the next one. It has no lock to be about, and is found with no limit
// set; threads that join others which work are no part of it.
// RUN-ENV: HOLDWATCH_LIMIT=0 HOLDWATCH_WAIT_LIMIT=0
// EXPECT: deadlock of 3 threads( for \d.*)?: \d+ "circle" waits for thread \d+ "circle" to exit, \d+ "circle" waits for thread \d+ "circle" to exit, \d+ "circle" waits for thread \d+ "circle" to exit; no other waiters$
// EXPECT: ^  joined +\d+ "circle"$
// EXPECT: ^  now +waits for thread \d+ "circle" to exit
// FORBID: L\d|^  lock|limit
// EXPECT-JSON: [(event["event"], event["phase"], event["lock"]) for event in e] == [("deadlock", "over", None)]
// EXPECT-JSON: [step["joins"] for step in e[0]["cycle"]] == [e[0]["cycle"][i]["tid"] for i in (1, 2, 0)]
// EXPECT-JSON: {(step["holds"], step["waits_for"]) for step in e[0]["cycle"]} == {(None, None)}
// NO-BARE: without a watch nothing would end it
#include "tests/programs/harness.h"
using namespace harness;

namespace {

constexpr size_t kCircle = 3;
Thread* circle[kCircle];
Event all_are_there;

void join_next(size_t own) {
  all_are_there.wait();
  CHECK(pthread_join(circle[(own + 1) % kCircle]->handle(), nullptr) == 0);
}

}  // namespace

int main() {
  // A pool: its manager joins a thread that works, and somebody joins the manager.
  static auto* worker = new Thread("worker", [] {
    while (true) pause();
  });
  static auto* manager = new Thread("manager", [] { pthread_join(worker->handle(), nullptr); });
  new Thread("owner", [] { pthread_join(manager->handle(), nullptr); });
  for (size_t i = 0; i < kCircle; ++i) circle[i] = new Thread("circle", [i] { join_next(i); });
  all_are_there.fire();
  await_report("deadlock");
  std::_Exit(0);
}
