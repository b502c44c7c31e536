// A plugin's constructor wants what another thread holds, and that thread needs the loader's lock for the destructor of a
// thread-local variable: a deadlock of two, through a lock that no lock call of ours ever saw.
// RUN-ENV: HOLDWATCH_LIMIT=1h
// EXPECT: deadlock of 2 threads( for \d.*)?: (\d+) "flush" holds L1 and waits for L2, (\d+) "deadlock_with_l" holds L2 and waits for L1; no other waiters$
// FORBID: a lock call was not seen
// EXPECT-JSON: [event["event"] for event in e] == ["deadlock"]
// EXPECT-JSON: [step["kind"] for step in e[0]["cycle"]] == ["mutex", "loader"]
// EXPECT-JSON: [holder["evidence"] for holder in e[0]["holders"]] == ["recorded", "stated"]
// EXPECT-JSON: e[0]["holders"][1]["taken"]["note"] == "unknown: it was taken inside the dynamic loader"
// EXPECT-JSON: has(e[0]["holders"][0]["now"], "flush") and has(e[0]["holders"][1]["now"], "main")
// NO-BARE: without a watch nothing would end it
#include <dlfcn.h>

#include <cstring>

#include "tests/programs/harness.h"
#include "tests/programs/plugin_that_waits.h"
using namespace harness;

namespace {

Event has_mutex, is_in_loader;

struct Scratch {
  int size = 0;
  ~Scratch() { size = 0; }
};

OWN_FRAME void flush() {
  CHECK(pthread_mutex_lock(&wanted_by_constructor) == 0);
  has_mutex.fire();
  is_in_loader.wait();
  static thread_local Scratch scratch;
  scratch.size = 1;
}

}  // namespace

void before_constructor_waits() {
  is_in_loader.fire();
}

int main() {
  const std::string plugin = plugin_that_waits();
  new Thread("flush", flush);
  new Thread("judge", [] {
    await_report("deadlock");
    std::_Exit(0);
  });
  has_mutex.wait();
  dlopen(plugin.c_str(), RTLD_NOW);
  std::puts("the plugin was loaded");
}
