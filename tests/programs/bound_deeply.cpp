// A plugin loaded with RTLD_DEEPBIND locks past every preload. The mutex names its holder, who is told as such after LIMIT; its
// other waiter is found by where it sleeps; and that locks taken there are not seen is said once.
// RUN-ENV: HOLDWATCH_LIMIT=300ms HOLDWATCH_WAIT_LIMIT=60s
// EXPECT: thread \d+ "worker" has held mutex L1 \d+ ms at least \(limit 300 ms\); 2 threads wait
// EXPECT: locks taken in libdeep_plugin.so are not seen
// FORBID: holder unknown
// FORBID: (?s)are not seen.*are not seen
// EXPECT-JSON: [event["phase"] for event in e if event["phase"] != "still"] == ["over", "released"]
// EXPECT-JSON: held_by(e) == {"worker"} and waited_by(over) == {"seen", "unseen"}
// EXPECT-JSON: holder(over[0])["evidence"] == "stated" and not holder(over[0])["likely"]
// EXPECT-JSON: has(holder(over[0])["now"], "does_its_work") and holder(over[0])["state"] == "blocked"
#include <dlfcn.h>
#include <libgen.h>

#include "tests/programs/harness.h"
using namespace harness;

namespace {

pthread_mutex_t g_mutex = PTHREAD_MUTEX_INITIALIZER;
void (*g_lock)(pthread_mutex_t*);
void (*g_unlock)(pthread_mutex_t*);

OWN_FRAME void does_its_work(const Event& done) {
  g_lock(&g_mutex);
  done.wait();
  g_unlock(&g_mutex);
}

}  // namespace

int main(int, char** argv) {
  const std::string plugin = std::string(dirname(argv[0])) + "/libdeep_plugin.so";
  void* library = dlopen(plugin.c_str(), RTLD_NOW | RTLD_DEEPBIND);
  CHECK(library != nullptr);
  g_lock = reinterpret_cast<void (*)(pthread_mutex_t*)>(dlsym(library, "plugin_lock"));
  g_unlock = reinterpret_cast<void (*)(pthread_mutex_t*)>(dlsym(library, "plugin_unlock"));
  Event done;
  Thread worker("worker", [&] { does_its_work(done); });
  worker.wait_until_blocked_in(SYS_read);
  Thread seen("seen", [] {
    pthread_mutex_lock(&g_mutex);
    pthread_mutex_unlock(&g_mutex);
  });
  Thread unseen("unseen", [] {
    g_lock(&g_mutex);
    g_unlock(&g_mutex);
  });
  seen.wait_until_blocked_on(g_mutex);
  unseen.wait_until_blocked_on(g_mutex);
  await_report("over");
  done.fire();
  await_report("released");
}
