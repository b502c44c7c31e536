// The reporter cannot start, since the loader's lock is held, and the watcher would write a short report in its place after two
// seconds. Whether a rule of SUPPRESS leaves that report out only the reporter can tell: so nothing is said of the holds that the
// rules are about, then and later.
// RUN-ENV: HOLDWATCH_LIMIT=200ms HOLDWATCH_WAIT_LIMIT=0 HOLDWATCH_SUPPRESS={tmp}/rules
// RUN-FILE: rules: any holder=holder*
// FORBID: "holder
// EXPECT: thread \d+ "reported" has held
// EXPECT-JSON: held_by(e) == {"reported"}
#include <dlfcn.h>

#include <optional>

#include "tests/programs/harness.h"
#include "tests/programs/plugin_that_waits.h"
using namespace harness;

namespace {

pthread_mutex_t other = PTHREAD_MUTEX_INITIALIZER;
std::optional<Thread> holder, other_holder;
Event& g_all_is_reported = *new Event;  // a thread that has ended has no name for a rule

}  // namespace

// The program's first thread, and with it the watch, begin inside dlopen.
void before_constructor_waits() {
  static Event locked;
  holder.emplace("holder", [] {
    CHECK(pthread_mutex_lock(&wanted_by_constructor) == 0);
    locked.fire();
    std::this_thread::sleep_for(3500ms);  // the limit, and the watcher's two seconds
    CHECK(pthread_mutex_unlock(&wanted_by_constructor) == 0);
    g_all_is_reported.wait();
  });
  locked.wait();
  other_holder.emplace("holder too", [] {
    CHECK(pthread_mutex_lock(&other) == 0);
    std::this_thread::sleep_for(3000ms);
    CHECK(pthread_mutex_unlock(&other) == 0);
    g_all_is_reported.wait();
  });
}

int main() {
  CHECK(dlopen(plugin_that_waits().c_str(), RTLD_NOW) != nullptr);
  Event done;
  Thread reported("reported", [&] {
    CHECK(pthread_mutex_lock(&other) == 0);
    done.wait();
    CHECK(pthread_mutex_unlock(&other) == 0);
  });
  await_report("over");
  done.fire();
  g_all_is_reported.fire();
  other_holder.reset();
  holder.reset();
}
