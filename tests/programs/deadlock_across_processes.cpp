// Two processes hold one shared mutex each and want the other's. They map the memory at different addresses. Each is told of a
// deadlock of two that names the process and the thread at the other end, as far as the kernel lets it look there: to look at
// its parent, a process may need more rights than to look at its child.
// RUN-ENV: HOLDWATCH_LIMIT=0
// EXPECT: deadlock of 2 threads( for \d.*)?: \d+ "ours" holds L1 and waits for L2, (\d+) "theirs" of process \2 "theirs" holds L2 and waits for L1; no other waiters$
// EXPECT-JSON: {event["event"] for event in e} == {"deadlock"}
// EXPECT-JSON: all([step.get("pid") for step in event["cycle"]] == [None, event["holders"][1]["pid"]] for event in e)
// EXPECT-JSON: all([h["evidence"] for h in event["holders"]] == ["recorded", "stated"] for event in e)
// EXPECT-JSON: all(event["holders"][1]["pid"] != event["pid"] and event["holders"][1]["likely"] is False for event in e)
// NO-BARE: without a watch nothing would end it
#include <sys/mman.h>
#include <sys/wait.h>

#include <csignal>

#include "tests/programs/harness.h"
#include "tests/shared_locks.h"
using namespace harness;

namespace {

struct Shared {
  pthread_mutex_t mutexes[2];
  std::atomic<bool> has[2];
  std::atomic<int> child_may_look;  // 1: at its parent; 2: it may not
};

int memory;

Shared* map() {
  void* const mapped = mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED, memory, 0);
  CHECK(mapped != MAP_FAILED);
  return static_cast<Shared*>(mapped);
}

void take_crosswise(Shared& shared, int first) {
  CHECK(pthread_mutex_lock(&shared.mutexes[first]) == 0);
  shared.has[first] = true;
  while (!shared.has[1 - first]) pause_briefly();
  pthread_mutex_lock(&shared.mutexes[1 - first]);
}

[[noreturn]] void run_child(Shared* parents_mapping) {
  Shared* const shared = map();
  CHECK(shared != parents_mapping && munmap(parents_mapping, sizeof(Shared)) == 0);
  pthread_setname_np(pthread_self(), "theirs");
  shared->child_may_look = read_file("/proc/" + std::to_string(getppid()) + "/syscall").empty() ? 2 : 1;
  take_crosswise(*shared, 1);
  _exit(1);
}

}  // namespace

int main() {
  memory = static_cast<int>(syscall(SYS_memfd_create, "shared", 0));
  CHECK(memory >= 0 && ftruncate(memory, sizeof(Shared)) == 0);
  Shared* const shared = map();
  for (pthread_mutex_t& mutex : shared->mutexes) shared_locks::init(mutex);
  const pid_t child = fork();
  if (child == 0) run_child(shared);
  new Thread("ours", [&] { take_crosswise(*shared, 0); });
  while (shared->child_may_look == 0) pause_briefly();
  await_report("deadlock", shared->child_may_look == 1 ? 2 : 1);
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  std::_Exit(0);
}
