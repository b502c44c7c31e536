// Libraries are loaded and unloaded all the time while reports are written: nothing that is unmapped is read, and every
// report comes.
// RUN-ENV: HOLDWATCH_LIMIT=30ms HOLDWATCH_RATE=100000
// EXPECT-JSON: len([event for event in over if held_by([event]) == {"holder"}]) == 20
// EXPECT-JSON: all(has(holder(event)["taken"], "hold_until_reported") for event in over if held_by([event]) == {"holder"})
#include <dlfcn.h>
#include <libgen.h>

#include <climits>

#include "tests/programs/harness.h"
using namespace harness;

int main() {
  char path[PATH_MAX] = "";
  CHECK(readlink("/proc/self/exe", path, sizeof path - 30) > 0);
  const std::string plugin = std::string(dirname(path)) + "/libplugin.so";
  std::atomic<bool> stop{false};
  Thread churns("churns", [&] {
    while (!stop) {
      void* library = dlopen(plugin.c_str(), RTLD_NOW);
      CHECK(library != nullptr);
      auto* takes = reinterpret_cast<void (*)(pthread_mutex_t*)>(dlsym(library, "plugin_takes"));
      pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
      takes(&mutex);
      CHECK(pthread_mutex_unlock(&mutex) == 0 && dlclose(library) == 0);
    }
  });
  for (int round = 0; round < 20; ++round) hold_until_reported("holder");
  stop = true;
}
