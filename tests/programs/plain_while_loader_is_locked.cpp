// The loader's lock is taken before the watch begins, so that the symbolizer cannot be loaded: each phase of each episode is
// told in short form by the watcher, and one line says why.
// RUN-ENV: HOLDWATCH_LIMIT=200ms HOLDWATCH_WAIT_LIMIT=0 HOLDWATCH_ONLY=all
// EXPECT: "other holder" has held
// EXPECT: without names: .* held since before holdwatch started
// EXPECT: still held by \d+ "other holder"
// EXPECT: released by \d+ "other holder"
#include <dlfcn.h>

#include <cstring>
#include <optional>

#include "tests/programs/harness.h"
#include "tests/programs/plugin_that_waits.h"
using namespace harness;

namespace {

pthread_mutex_t other = PTHREAD_MUTEX_INITIALIZER;
std::optional<Thread> holder, other_holder;

}  // namespace

// The program's first thread, and with it the watch, begin inside dlopen.
void before_constructor_waits() {
  Event locked;
  holder.emplace("holder", [&] {
    CHECK(pthread_mutex_lock(&wanted_by_constructor) == 0);
    locked.fire();
    await_words("released by");
    CHECK(pthread_mutex_unlock(&wanted_by_constructor) == 0);
  });
  locked.wait();
  other_holder.emplace("other holder", [] {
    CHECK(pthread_mutex_lock(&other) == 0);
    await_words("L2 still held");
    CHECK(pthread_mutex_unlock(&other) == 0);
    await_words("released by");  // a thread that has ended has no name
  });
}

int main() {
  CHECK(dlopen(plugin_that_waits().c_str(), RTLD_NOW) != nullptr);
  other_holder.reset();
  holder.reset();
}
