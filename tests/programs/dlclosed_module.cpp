// A plug-in took the lock and has been unloaded since: the acquisition is given as what the plug-in was, or as the bare
// address, never as a function that it is not.
// RUN-ENV: HOLDWATCH_LIMIT=300ms
// RUN-ARGS: plugin
// EXPECT-JSON: len(over) == 1 and holder(over[0])["thread"] == "holder"
// EXPECT-JSON: [f for f in holder(over[0])["taken"]["frames"][:1] if f["function"] not in (None, "plugin_takes")
//     and "plugin" not in (f["module"] or "")] == []
// EXPECT-JSON: has(holder(over[0])["now"], "uses_plugin")
#include <dlfcn.h>

#include "tests/programs/harness.h"
using namespace harness;

pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
Event release;

OWN_FRAME void uses_plugin(const std::string& path) {
  void* plugin = dlopen(path.c_str(), RTLD_NOW);
  CHECK(plugin != nullptr);
  auto* take = reinterpret_cast<void (*)(pthread_mutex_t*)>(dlsym(plugin, "plugin_takes"));
  CHECK(take != nullptr);
  take(&mutex);
  CHECK(dlclose(plugin) == 0);
  CHECK(dlopen(path.c_str(), RTLD_NOW | RTLD_NOLOAD) == nullptr);
  release.wait();
  pthread_mutex_unlock(&mutex);
}

int main(int, char** argv) {
  const std::string program = argv[0];
  const std::string path = program.substr(0, program.rfind('/')) + "/libplugin.so";
  Thread holder("holder", [&] { uses_plugin(path); });
  await_report("over");
  release.fire();
  await_report("released");
}
