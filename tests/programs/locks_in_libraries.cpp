// A library locks in its constructor, its destructor and its exit handler, loaded and unloaded by hand or by the end of the
// program: every one of these calls works, and no hold stays behind.
// RUN-ENV: HOLDWATCH_LIMIT=200ms
// EXPECT-JSON: held_by(e) == {"last"}
#include <dlfcn.h>
#include <libgen.h>

#include <climits>

#include "tests/programs/harness.h"
using namespace harness;

extern "C" {
pthread_mutex_t of_program = PTHREAD_MUTEX_INITIALIZER;
int uses_by_plugin = 0;
}

int main() {
  char path[PATH_MAX] = "";
  CHECK(readlink("/proc/self/exe", path, sizeof path - 30) > 0);
  const std::string plugin = std::string(dirname(path)) + "/liblocking_plugin.so";
  std::atexit([] {
    std::printf("uses: %d\n", uses_by_plugin);
    std::fflush(stdout);
  });
  for (int round = 0; round < 10; ++round) {
    Thread loads("loads", [&] {
      void* library = dlopen(plugin.c_str(), RTLD_NOW);
      CHECK(library != nullptr && dlclose(library) == 0);
    });
  }
  CHECK(dlopen(plugin.c_str(), RTLD_NOW) != nullptr);
  hold_until_reported("last");
}
