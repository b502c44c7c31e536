// Finds and loads libholdwatch-symbolizer.so.
// remember_own_path: start context. load_symbolizer: reporter thread only; it takes the loader's lock.
#pragma once

#include "shim/common/contract/settings.h"
#include "shim/common/contract/symbolizer_api.h"

namespace holdwatch {

// Notes the shim's absolute path, before the program can change its working directory.
void remember_own_path();

struct LoadedSymbolizer {
  const SymbolizerApi* api;  // null: not loaded, and one line was printed
  void* self;
};

// Loads the symbolizer, or returns the one that was loaded before.
LoadedSymbolizer load_symbolizer(const Settings& settings, const HostCalls& host);

// In a child of fork: a thread of the parent was using it, so it cannot be used here. The next call loads another copy.
void abandon_symbolizer();

// The shim's own path as the loader knows it, e.g. for LD_PRELOAD; empty before remember_own_path.
const char* own_path();

}  // namespace holdwatch
