// A mutex in shared memory: each process reports the holds of its own threads and never blames them for another's.
// RUN-ENV: HOLDWATCH_LIMIT=200ms HOLDWATCH_WAIT_LIMIT=200ms
// EXPECT-JSON: len(over) == 2 and over[0]["pid"] != over[1]["pid"]
// EXPECT-JSON: holder(over[0])["thread"] == "parent" and holder(over[1])["thread"] == "child"
// EXPECT-JSON: all("child" not in held_by([event]) for event in e if event["pid"] == over[0]["pid"])
// EXPECT-JSON: all("parent" not in held_by([event]) for event in e if event["pid"] == over[1]["pid"])
#include <sys/wait.h>

#include "tests/programs/harness.h"
#include "tests/shared_locks.h"
using namespace harness;

struct Shared {
  pthread_mutex_t mutex;
  std::atomic<bool> locked{false};
};

void hold_in_thread(const char* name, Shared& shared, size_t report) {
  Event release;
  Thread holder(name, [&] {
    // A process whose thread waits tells of the other one's hold: see owner_in_another_process.
    while (pthread_mutex_trylock(&shared.mutex) != 0) pause_briefly();
    shared.locked = true;
    release.wait();
    CHECK(pthread_mutex_unlock(&shared.mutex) == 0);
  });
  await_report("over", report);
  release.fire();
  await_report("released", report);
}

int main() {
  auto& shared = shared_locks::map_shared<Shared>();
  shared_locks::init(shared.mutex);

  const pid_t child = fork();
  if (child == 0) {
    while (!shared.locked) pause_briefly();
    hold_in_thread("child", shared, 2);
    ::_exit(0);
  }
  hold_in_thread("parent", shared, 1);
  int status = -1;
  CHECK(waitpid(child, &status, 0) == child);
  return status;
}
