// The loader's lock is taken before the watch begins, so that it cannot load its symbolizer: the first words come without
// it, and the rest when the lock is free.
// RUN-ENV: HOLDWATCH_LIMIT=300ms HOLDWATCH_WAIT_LIMIT=0
// EXPECT: "holder" has held
// EXPECT: "afterwards" has held
// EXPECT-JSON: held_by(over) == {"afterwards"}
#include <dlfcn.h>

#include <optional>

#include "tests/programs/harness.h"
#include "tests/programs/plugin_that_waits.h"
using namespace harness;

std::optional<Thread> holder;

// The program's first thread, and with it the watch, begin inside dlopen.
void before_constructor_waits() {
  Event locked;
  holder.emplace("holder", [&] {
    CHECK(pthread_mutex_lock(&wanted_by_constructor) == 0);
    locked.fire();
    await_standard_error();
    CHECK(pthread_mutex_unlock(&wanted_by_constructor) == 0);
  });
  locked.wait();
}

int main() {
  const std::string plugin = plugin_that_waits();
  void* library = dlopen(plugin.c_str(), RTLD_NOW);
  if (library == nullptr) std::puts(dlerror());
  CHECK(library != nullptr);
  holder.reset();
  hold_until_reported("afterwards");
}
