// Finds and loads libholdwatch-symbolizer.so.
// remember_own_path: start context. load_symbolizer: reporter thread only; it takes the loader's lock.
#pragma once

#include <string_view>

#include "shim/base/settings.h"
#include "symbolizer/api.h"

namespace holdwatch {

// Notes where the shim lies, absolute, before the program can change its working directory.
void remember_own_path();

// Set where this process was attached to: has what the symbolizer's libraries call when they start led through our hooks,
// which do not stand in front of libc's functions there.
extern void (*g_before_libraries_start)();

// Set while an attachment listens: is told what is said on standard error too.
extern void (*g_hear_complaint)(std::string_view line);

struct LoadedSymbolizer {
  const SymbolizerApi* api;  // null: not loaded, one line was said
  void* self;
};

LoadedSymbolizer load_symbolizer(const Settings& settings, const HostCalls& host);

// The shim's own path as the loader knows it, e.g. for LD_PRELOAD; empty before remember_own_path.
const char* own_path();

}  // namespace holdwatch
