// Loads a plugin by its bare name, which the loader finds only by this library's own DT_RUNPATH.
#include <dlfcn.h>

extern "C" __attribute__((visibility("default"))) const char* load_plugin() {
  void* handle = dlopen("attach_plugin.so", RTLD_LAZY);
  if (handle == nullptr) return dlerror();
  auto hold_briefly = reinterpret_cast<const char* (*)()>(dlsym(handle, "hold_in_plugin"));
  return hold_briefly();
}
