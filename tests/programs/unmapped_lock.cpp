// The memory of a held lock is unmapped while the watch looks at it: nothing may be read there, nothing breaks.
// RUN-ENV: HOLDWATCH_LIMIT=200ms
// EXPECT-JSON: held_by(over) >= {"other"}
#include <sys/mman.h>

#include <mutex>

#include "tests/programs/harness.h"
using namespace harness;

int main() {
  constexpr size_t kPage = 4096;
  void* page = mmap(nullptr, kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  CHECK(page != MAP_FAILED);
  auto* mutex = new (page) pthread_mutex_t(PTHREAD_MUTEX_INITIALIZER);
  Event locked, release;
  Thread holder("holder", [&] {
    pthread_mutex_lock(mutex);
    locked.fire();
    release.wait();
  });
  locked.wait();
  CHECK(munmap(page, kPage) == 0);

  std::mutex still_there;
  Thread other("other", [&] {
    std::lock_guard guard(still_there);
    release.wait();
  });
  sleep_past_limit();
  await_report("over");
  release.fire();
}
