// One thread filters its own calls only: what others do is reported as fully as ever. The thread itself is sent no signal, from
// which it could not return.
// RUN-ENV: HOLDWATCH_LIMIT=300ms
// EXPECT-JSON: any(holder(event)["thread"] == "free" and has(holder(event)["now"], "read") for event in over)
// EXPECT-JSON: any(holder(event)["thread"] == "sandboxed" and "has a seccomp filter" in holder(event)["now"]["note"]
//     for event in over)
// FORBID: installed a seccomp filter
#include <atomic>

#include "tests/programs/filter.h"
#include "tests/programs/harness.h"
using namespace harness;

std::atomic<bool> done{false};

OWN_FRAME void spin() {
  while (!done.load()) {
  }
}

OWN_FRAME void hold_during(const std::function<void()>& work) {
  static pthread_mutex_t locks[2] = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_MUTEX_INITIALIZER};
  static std::atomic<int> used{0};
  pthread_mutex_t& lock = locks[used++];
  CHECK(pthread_mutex_lock(&lock) == 0);
  work();
  CHECK(pthread_mutex_unlock(&lock) == 0);
}

int main() {
  Thread sandboxed("sandboxed", [&] {
    // As strict as can be: what it does until it is reported, and then to end.
    CHECK(try_filter({SYS_futex, SYS_read, SYS_rt_sigprocmask, SYS_madvise, SYS_munmap, SYS_exit}, SECCOMP_RET_ALLOW,
                     SECCOMP_RET_KILL_PROCESS, 0) == 0);
    hold_during(spin);
  });
  Event end;
  Thread free("free", [&] { hold_during([&] { end.wait(); }); });
  await_report_of("over", "sandboxed", 1);
  await_report_of("over", "free", 1);
  done = true;
  end.fire();
}
