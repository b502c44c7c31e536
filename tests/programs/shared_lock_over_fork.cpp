// A child that waits for locks which its parent holds and both share: it holds none of them, and gets them in the end.
// RUN-ENV: HOLDWATCH_LIMIT=300ms
// FORBID: deadlock
// FORBID: which it holds itself
// EXPECT-JSON: [event["event"] for event in over if holder(event).get("pid")] == ["hold"]
// EXPECT-JSON: not deadlocks
// EXPECT-JSON: {holder(event)["pid"] for event in over if holder(event).get("pid")} == {event["pid"] for event in e if not holder(event).get("pid")}
#include <sys/wait.h>

#include "tests/programs/harness.h"
#include "tests/shared_locks.h"
using namespace harness;

int main() {
  struct Shared {
    pthread_mutex_t mutex;
    pthread_rwlock_t rwlock;
  };
  auto& shared = shared_locks::map_shared<Shared>();
  shared_locks::init(shared.mutex);
  shared_locks::init(shared.rwlock);
  Thread idle("idle", [] {});  // a process with threads
  pthread_mutex_lock(&shared.mutex);
  pthread_rwlock_wrlock(&shared.rwlock);
  const pid_t child = fork();
  if (child == 0) {
    Thread idle_too("idle_too", [] {});
    pthread_mutex_lock(&shared.mutex);
    pthread_mutex_unlock(&shared.mutex);
    std::fflush(stdout);
    _exit(0);
  }
  const std::string of_child = "\"pid\":" + std::to_string(child) + ",";
  while (is_watched() &&
         read_file(std::getenv("HOLDWATCH_JSON")).find("\"pid\":" + std::to_string(child)) == std::string::npos)
    usleep(10'000);
  pthread_mutex_unlock(&shared.mutex);
  pthread_rwlock_unlock(&shared.rwlock);
  int status = -1;
  CHECK(waitpid(child, &status, 0) == child && status == 0);
}
