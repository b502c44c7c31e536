// What looks like a deadlock through the loader's lock, and ends by itself: a plugin's constructor wants for a while only what
// the thread holds that waits for the loader.
// RUN-ENV: HOLDWATCH_LIMIT=100ms HOLDWATCH_WAIT_LIMIT=0
// FORBID: deadlock of
// EXPECT: "flush" has held mutex L1
// EXPECT-JSON: {event["event"] for event in e} == {"hold"} and held_by(e) == {"flush"}
#include <dlfcn.h>

#include "tests/programs/harness.h"
#include "tests/programs/plugin_that_waits.h"
using namespace harness;

namespace {

pthread_mutex_t registry = PTHREAD_MUTEX_INITIALIZER;
Event has_mutex, is_in_loader;
Thread* flush;

}  // namespace

void before_constructor_waits() {
  is_in_loader.fire();
  flush->wait_until_blocked_in(SYS_futex);
  const auto enough = std::chrono::steady_clock::now() + (is_watched() ? 1s : 10ms);
  while (std::chrono::steady_clock::now() < enough) {
    timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += 1;
    CHECK(pthread_mutex_timedlock(&registry, &until) == ETIMEDOUT);
  }
}

int main() {
  const std::string plugin = plugin_that_waits();
  flush = new Thread("flush", [] {
    CHECK(pthread_mutex_lock(&registry) == 0);
    has_mutex.fire();
    is_in_loader.wait();
    dlopen("libm.so.6", RTLD_NOW);
    CHECK(pthread_mutex_unlock(&registry) == 0);
  });
  has_mutex.wait();
  CHECK(dlopen(plugin.c_str(), RTLD_NOW) != nullptr);
  flush->join();
}
