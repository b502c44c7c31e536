// What looks like a deadlock of two processes and is none: the other one sleeps at the same address, but for a mutex in other
// memory; or it wants ours only for a while.
// RUN-ENV: HOLDWATCH_LIMIT=100ms HOLDWATCH_WAIT_LIMIT=60s
// FORBID: deadlock of
// EXPECT: "ours" has held mutex
// EXPECT-JSON: {event["event"] for event in e} == {"hold"}
#include <sys/mman.h>
#include <sys/wait.h>

#include <csignal>

#include "tests/programs/harness.h"
#include "tests/shared_locks.h"
using namespace harness;

namespace {

struct Shared {
  pthread_mutex_t ours, theirs;
  std::atomic<bool> has_ours{false}, has_theirs{false}, enough{false};

  Shared() {
    shared_locks::init(ours);
    shared_locks::init(theirs);
  }
};

// The memory that it shares with its parent is elsewhere now, and other memory is at that address. There another thread of its
// own has the mutex that it waits for.
void wait_in_other_memory(Shared* at) {
  void* const moved = mremap(at, 0, sizeof(Shared), MREMAP_MAYMOVE);
  CHECK(moved != MAP_FAILED);
  auto* const shared = static_cast<Shared*>(moved);
  Shared* const other = &shared_locks::map_shared<Shared>(at, MAP_FIXED);
  CHECK(pthread_mutex_lock(&shared->theirs) == 0);
  Thread holder("holder", [&] {
    CHECK(pthread_mutex_lock(&other->ours) == 0);
    other->has_ours = true;
    while (!shared->enough) pause_briefly();
    CHECK(pthread_mutex_unlock(&other->ours) == 0);
  });
  while (!other->has_ours) pause_briefly();
  shared->has_theirs = true;
  CHECK(pthread_mutex_lock(&other->ours) == 0);
  CHECK(pthread_mutex_unlock(&shared->theirs) == 0);
}

void wait_for_a_while(Shared* shared) {
  CHECK(pthread_mutex_lock(&shared->theirs) == 0);
  shared->has_theirs = true;
  while (!shared->enough) {
    timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += 1;
    CHECK(pthread_mutex_timedlock(&shared->ours, &until) == ETIMEDOUT);
  }
  CHECK(pthread_mutex_unlock(&shared->theirs) == 0);
}

void try_with(void (*child_waits)(Shared*)) {
  Shared* const shared = &shared_locks::map_shared<Shared>();
  const pid_t child = fork();
  if (child == 0) {
    while (!shared->has_ours) pause_briefly();
    child_waits(shared);
    _exit(0);
  }
  Thread holder("ours", [&] {
    CHECK(pthread_mutex_lock(&shared->ours) == 0);
    shared->has_ours = true;
    while (!shared->has_theirs) pause_briefly();
    CHECK(pthread_mutex_lock(&shared->theirs) == 0);
    CHECK(pthread_mutex_unlock(&shared->theirs) == 0);
    CHECK(pthread_mutex_unlock(&shared->ours) == 0);
  });
  while (!shared->has_theirs) pause_briefly();
  sleep_past_limit();
  shared->enough = true;
  int status = 0;
  CHECK(waitpid(child, &status, 0) == child && status == 0);
}

}  // namespace

int main() {
  try_with(wait_in_other_memory);
  try_with(wait_for_a_while);
}
