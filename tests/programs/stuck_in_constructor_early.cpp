// The same as stuck_in_constructor.cpp, before the watch could load its symbolizer, which waits for the loader's lock then:
// the first words come without it, and the rest when the lock is free.
// RUN-ENV: HOLDWATCH_LIMIT=300ms HOLDWATCH_WAIT_LIMIT=0
// EXPECT: "holder" has held
// EXPECT: "afterwards" has held
#include <dlfcn.h>
#include <libgen.h>

#include <climits>

#include "tests/programs/harness.h"
using namespace harness;

extern "C" [[gnu::visibility("default")]] pthread_mutex_t wanted_by_constructor;
pthread_mutex_t wanted_by_constructor = PTHREAD_MUTEX_INITIALIZER;

int main() {
  char path[PATH_MAX] = "";
  CHECK(readlink("/proc/self/exe", path, sizeof path - 40) > 0);
  const std::string plugin = std::string(dirname(path)) + "/libplugin_that_waits.so";
  Event locked, release;
  Thread holder("holder", [&] {
    CHECK(pthread_mutex_lock(&wanted_by_constructor) == 0);
    locked.fire();
    release.wait();
    CHECK(pthread_mutex_unlock(&wanted_by_constructor) == 0);
  });
  locked.wait();
  Thread loads("loads", [&] {
    void* library = dlopen(plugin.c_str(), RTLD_NOW);
    if (library == nullptr) std::puts(dlerror());
    CHECK(library != nullptr);
  });
  loads.wait_until_blocked_on(wanted_by_constructor);
  await_standard_error();
  release.fire();
  loads.join();
  hold_until_reported("afterwards");
}
