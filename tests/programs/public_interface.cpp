// holdwatch.h without linking: a name, a limit of one lock's own, a callback, a pause, a snapshot. Without holdwatch the
// same calls do nothing.
// RUN-ENV: HOLDWATCH_LIMIT=300ms
// EXPECT: snapshot
// EXPECT: L\d+ mutex 0x[0-9a-f]+ the queue
// EXPECT-JSON: {event["lock"]["name"] for event in over} == {"the queue"}
// EXPECT-JSON: all(event["limit_ns"] == 100 * ms for event in over)
// EXPECT-JSON: [event["lock"]["name"] for event in e if event["phase"] == "snapshot"] == ["quiet"]
#include "shim/holdwatch.h"

#include <mutex>

#include "tests/programs/harness.h"
using namespace harness;

std::atomic<int> called{0};

int main() {
  std::mutex quiet, queue, unseen;
  HOLDWATCH_NAME_LOCK(quiet.native_handle(), "quiet");
  HOLDWATCH_SET_LIMIT(quiet.native_handle(), uint64_t{0});
  HOLDWATCH_NAME_LOCK(queue.native_handle(), "the queue");
  HOLDWATCH_SET_LIMIT(queue.native_handle(), uint64_t{100'000'000});
  HOLDWATCH_ON_REPORT(
      +[](const char* text, const char* json, void* context) {
        CHECK(context == &called && text[0] != '\0' && json[0] == '{');
        ++called;
      },
      &called);
  Event release, quiet_may_go;
  Thread keeper("keeper", [&] {
    std::lock_guard guard(quiet);
    quiet_may_go.wait();
  });
  keeper.wait_until_blocked_in(SYS_read);
  sleep_past_limit();
  HOLDWATCH_SNAPSHOT();
  await_report("snapshot");
  quiet_may_go.fire();
  keeper.join();
  Thread holder("holder", [&] {
    HOLDWATCH_PAUSE();
    unseen.lock();
    HOLDWATCH_RESUME();
    std::lock_guard guard(queue);
    release.wait();
    unseen.unlock();
  });
  await_report("over");
  release.fire();
  await_report("released");
  holder.join();
  CHECK(!is_watched() || called >= 2);
}
