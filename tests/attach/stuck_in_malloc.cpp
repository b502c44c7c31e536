// One thread stays in the allocator, with whatever it has locked; the main thread is elsewhere.
#include "tests/programs/harness.h"
using namespace harness;

extern "C" void* __libc_malloc(size_t size);

namespace {
thread_local bool stays = false;
}

extern "C" OWN_FRAME void* malloc(size_t size) {
  while (stays) pause();
  return __libc_malloc(size);
}

int main() {
  Thread stuck("stuck", [] {
    stays = true;
    free(malloc(1));
  });
  stuck.wait_until_blocked_in(SYS_pause);
  std::puts("ready");
  std::fflush(stdout);
  pause();
}
