// The process whose thread held a shared mutex was gone before anyone looked. Where all processes can be seen, the mutex is
// abandoned; in a container, where it may be one of another container, it may be.
// RUN-ENV: HOLDWATCH_LIMIT=300ms HOLDWATCH_WAIT_LIMIT=60s
// EXPECT: thread \d+ of another process( exited while holding mutex L1|, which may have exited, has held mutex L1 \d+ ms at least)
// FORBID: holder unknown
// EXPECT-JSON: [(event["event"], holder(event)["state"]) for event in over] == [("abandoned", "gone") if sees_all else ("hold", None)]
// EXPECT-JSON: all("pid" not in holder(event) for event in over)
// EXPECT-JSON: held_by(over) == {""} and waited_by(over) == {"waiter"}
#include <sys/wait.h>

#include "tests/programs/harness.h"
#include "tests/shared_locks.h"
using namespace harness;

int main() {
  pthread_mutex_t* const mutex = &shared_locks::map_shared_lock<pthread_mutex_t>();
  const pid_t child = fork();
  if (child == 0) {
    pthread_mutex_lock(mutex);
    _exit(0);
  }
  CHECK(waitpid(child, nullptr, 0) == child);
  std::thread([&] {
    pthread_setname_np(pthread_self(), "waiter");
    pthread_mutex_lock(mutex);
  }).detach();
  while (is_watched() && count_reports("over") + count_reports("abandoned over") == 0) pause_briefly();
  std::puts("done");
  std::fflush(stdout);
  _exit(0);
}
