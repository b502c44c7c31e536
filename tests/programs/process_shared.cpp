// A mutex in shared memory: each process reports the holds of its own threads and never blames them for another's. That one's
// holds it reports too where its own threads wait, by what the mutex says.
// RUN-ENV: HOLDWATCH_LIMIT=200ms HOLDWATCH_WAIT_LIMIT=200ms
// EXPECT-JSON: [holder(event)["thread"] for event in over if holder(event)["evidence"] == "recorded"] == ["parent", "child"]
// EXPECT-JSON: all(len({event["pid"] for event in e for h in event["holders"]
//     if h["evidence"] == "recorded" and h["thread"] == name}) == 1 for name in ("parent", "child"))
// EXPECT-JSON: all(h.get("pid") != event["pid"] for event in e for h in event["holders"])
#include <sys/mman.h>
#include <sys/wait.h>

#include "tests/programs/harness.h"
using namespace harness;

struct Shared {
  pthread_mutex_t mutex;
  std::atomic<bool> locked;
};

void hold_in_thread(const char* name, Shared& shared) {
  Event release;
  Thread holder(name, [&] {
    CHECK(pthread_mutex_lock(&shared.mutex) == 0);
    shared.locked = true;
    release.wait();
    CHECK(pthread_mutex_unlock(&shared.mutex) == 0);
  });
  await_report_of("over", name, 1);
  release.fire();
  await_report_of("released", name, 1);
}

int main() {
  void* memory = mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  CHECK(memory != MAP_FAILED);
  Shared& shared = *new (memory) Shared{};
  pthread_mutexattr_t attributes;
  CHECK(pthread_mutexattr_init(&attributes) == 0);
  CHECK(pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED) == 0);
  CHECK(pthread_mutex_init(&shared.mutex, &attributes) == 0);

  const pid_t child = fork();
  if (child == 0) {
    while (!shared.locked) pause_briefly();
    hold_in_thread("child", shared);
    ::_exit(0);
  }
  hold_in_thread("parent", shared);
  int status = -1;
  CHECK(waitpid(child, &status, 0) == child);
  return status;
}
