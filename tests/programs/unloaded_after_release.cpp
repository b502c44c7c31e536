// A plug-in is unloaded right after it has released a lock: the closing line still knows the callers that the first report had.
// RUN-ENV: HOLDWATCH_LIMIT=200ms
// EXPECT-JSON: len(over) == 1 and len(released) == 1 and not late
// EXPECT-JSON: holder(over[0])["taken"]["complete"] and has(holder(over[0])["taken"], "uses_plugin")
// EXPECT-JSON: holder(released[0])["taken"] == holder(over[0])["taken"]
#include <dlfcn.h>

#include "tests/programs/harness.h"
using namespace harness;

pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

void stall() {
  await_report("over");
}

OWN_FRAME void uses_plugin(const std::string& path) {
  void* plugin = dlopen(path.c_str(), RTLD_NOW);
  CHECK(plugin != nullptr);
  auto* entry = reinterpret_cast<void (*)(pthread_mutex_t*, void (*)())>(dlsym(plugin, "plugin_entry"));
  CHECK(entry != nullptr);
  entry(&lock, stall);
  CHECK(dlclose(plugin) == 0);
  await_report("released");
}

int main(int, char** argv) {
  const std::string program = argv[0];
  const std::string path = program.substr(0, program.rfind('/')) + "/libfirst_plugin.so";
  Thread holder("holder", [&] { uses_plugin(path); });
}
