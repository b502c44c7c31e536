// One thread stays in a library's constructor, and so inside of the loader; the main thread is elsewhere.
#include <dlfcn.h>

#include "tests/programs/harness.h"
using namespace harness;

int main(int, char** argv) {
  Thread stuck("stuck", [&] { dlopen(argv[1], RTLD_NOW); });
  stuck.wait_until_blocked_in(SYS_pause);
  std::puts("ready");
  std::fflush(stdout);
  pause();
}
