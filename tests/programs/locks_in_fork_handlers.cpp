// Handlers of fork take locks for the time of it, those that were registered before ours and those that came after: in the
// parent and in the child nobody seems to hold them afterwards, and both are watched on.
// RUN-ENV: HOLDWATCH_LIMIT=200ms
// EXPECT-JSON: [holder(event)["thread"] for event in over] == ["in child", "in parent"]
// EXPECT-JSON: over[0]["pid"] != over[1]["pid"]
#include <sys/wait.h>

#include "tests/programs/harness.h"
using namespace harness;

pthread_mutex_t early = PTHREAD_MUTEX_INITIALIZER, late = PTHREAD_MUTEX_INITIALIZER;
int before_main = 0;

template <pthread_mutex_t& lock>
void take() {
  CHECK(pthread_mutex_lock(&lock) == 0);
}
template <pthread_mutex_t& lock>
void give() {
  CHECK(pthread_mutex_unlock(&lock) == 0);
}

// Before any library's constructor has run, the preload's included.
void register_early() {
  take<early>();
  ++before_main;
  give<early>();
  pthread_atfork(take<early>, give<early>, give<early>);
}
[[gnu::used, gnu::section(".preinit_array")]] void (*const first_of_all)() = register_early;

// In the order of the handlers: those that were registered last take theirs first.
void use_locks() {
  take<late>();
  take<early>();
  give<late>();
  give<early>();
}

int in_child() {
  use_locks();
  hold_until_reported("in child");
  return 7;
}

int main() {
  CHECK(pthread_atfork(take<late>, give<late>, give<late>) == 0);
  std::atomic<bool> stop{false};
  Thread busy("busy", [&] {
    while (!stop) use_locks();
  });
  int bad = 0;
  for (int round = 0; round < 50; ++round) {
    const pid_t child = fork();
    if (child == 0) {
      use_locks();
      _exit(round == 49 ? in_child() : 7);
    }
    int status = -1;
    CHECK(waitpid(child, &status, 0) == child);
    bad += WIFEXITED(status) && WEXITSTATUS(status) == 7 ? 0 : 1;
  }
  stop = true;
  busy.join();
  hold_until_reported("in parent");
  std::printf("before main %d, ended otherwise %d\n", before_main, bad);
}
