// A callback of dl_iterate_phdr opens a library while dlopen, in another thread, wants the list of libraries: a deadlock in
// which both locks are the loader's own.
// RUN-ENV: HOLDWATCH_LIMIT=300ms HOLDWATCH_WAIT_LIMIT=0
// EXPECT: deadlock of 2 threads( for \d.*)?: \d+ "(walker|opener)" holds L2 and waits for L3, \d+ "(walker|opener)" holds L3 and waits for L2; no other waiters$
// EXPECT-JSON: [step["kind"] for step in deadlocks[0]["cycle"]] == ["loader", "loader"]
// EXPECT-JSON: [holder["evidence"] for holder in deadlocks[0]["holders"]] == ["stated", "stated"]
// EXPECT-JSON: {holder["thread"] for holder in deadlocks[0]["holders"]} == {"walker", "opener"}
// NO-BARE: without a watch nothing would end it
#include <dlfcn.h>
#include <link.h>

#include "tests/programs/harness.h"
#include "tests/programs/plugin_that_waits.h"
using namespace harness;

namespace {

Thread* opener;
std::string plugin;

// dlopen takes its own lock first and the list's in the middle; nothing but its sleep shows that it has come so far.
int open_once_the_other_waits(dl_phdr_info*, size_t, void*) {
  opener = new Thread("opener", [] { dlopen(plugin.c_str(), RTLD_NOW); });
  opener->wait_until_blocked_in(SYS_futex);
  dlopen("libm.so.6", RTLD_NOW);
  return 1;
}

}  // namespace

int main() {
  plugin = plugin_that_waits();
  hold_until_reported("first");  // the symbolizer is there
  new Thread("walker", [] { dl_iterate_phdr(open_once_the_other_waits, nullptr); });
  await_report("deadlock");
  std::_Exit(0);
}
