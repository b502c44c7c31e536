// A main thread that leaves by pthread_exit ends the process neither earlier nor later than its last thread: threads of
// ours, which libc counts too, must not keep it alive.
// RUN-ENV: HOLDWATCH_LIMIT=300ms
// EXPECT-JSON: [holder(event)["thread"] for event in over] == ["last"]
#include <mutex>

#include "tests/programs/harness.h"
using namespace harness;

int main() {
  static std::mutex lock;
  std::thread([] {
    ::pthread_setname_np(::pthread_self(), "last");
    {
      std::lock_guard guard(lock);
      await_report("over");
    }
    std::puts("last thread done");
    std::fflush(stdout);
  }).detach();
  ::pthread_exit(nullptr);
}
