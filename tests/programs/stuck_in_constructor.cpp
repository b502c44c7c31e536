// A thread is stuck inside dlopen, in a constructor that waits for a lock: the loader's lock is taken for ever. The
// report comes nevertheless, with the names, and tells who waits where.
// RUN-ENV: HOLDWATCH_LIMIT=200ms HOLDWATCH_WAIT_LIMIT=300ms
// EXPECT: "holder" has held
// EXPECT-JSON: held_by(over) == {"before", "holder"} and waited_by(e) == {"loads"}
// EXPECT-JSON: any(has(w["stack"], "dlopen") for event in e for w in event["waiters"])
// NO-BARE: without the watch nobody frees it
#include <dlfcn.h>

#include "tests/programs/harness.h"
#include "tests/programs/plugin_that_waits.h"
using namespace harness;

int main() {
  const std::string plugin = plugin_that_waits();
  hold_until_reported("before");  // the symbolizer is loaded now: nobody can load a library after this
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
  await_report("over", 2);
  await_next_report("still");
  release.fire();
  await_report("released", 2);
  loads.join();
  std::puts("done");
}
