// A plug-in holds a lock, gives it up and is unloaded, and another comes to its place before the watch looks: the late report
// names the first one's functions, or none, never the second's.
// RUN-ENV: HOLDWATCH_LIMIT=3s
// EXPECT-JSON: len(late) == 1
// EXPECT-JSON: [f for which in ("taken", "now") for f in holder(late[0])[which]["frames"]
//     if "false" in (f["function"] or "") or "second" in (f["module"] or "") or "second" in (f["file"] or "")] == []
// EXPECT-JSON: holder(late[0])["held_ns"] >= 3000 * ms
// NO-BARE: there is no watch to be stopped
#include <dlfcn.h>
#include <linux/limits.h>

#include "tests/programs/late.h"
using namespace harness;

pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
int g_tell, g_listen;

void stall() {
  char byte = 'h';
  CHECK(write(g_tell, &byte, 1) == 1);
  CHECK(read(g_listen, &byte, 1) == 1);
}

using Entry = void (*)(pthread_mutex_t*, void (*)());

Entry entry_of(void* plugin) {
  CHECK(plugin != nullptr);
  return reinterpret_cast<Entry>(dlsym(plugin, "plugin_entry"));
}

OWN_FRAME void uses_plugins(int tell, int listen) {
  g_tell = tell, g_listen = listen;
  char program[PATH_MAX] = "";
  CHECK(readlink("/proc/self/exe", program, sizeof program - 1) > 0);
  const std::string path = program;
  const std::string folder = path.substr(0, path.rfind('/'));
  void* const first = dlopen((folder + "/libfirst_plugin.so").c_str(), RTLD_NOW);
  const Entry entry = entry_of(first);
  entry(&lock, stall);
  CHECK(dlclose(first) == 0);
  if (entry_of(dlopen((folder + "/libsecond_plugin.so").c_str(), RTLD_NOW)) == entry) return;
  skip("the second plug-in was not loaded where the first one was");
}

int main(int argc, char** argv) {
  return miss_what_is_held(argc, argv, uses_plugins);
}
