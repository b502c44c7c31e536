// libc's own functions, for our threads: functions of the program or of another preload that replace them may wait for locks
// that the stalled program holds.
// Cold context. The first use, at start, looks all of them up.
//
// Before glibc 2.34 libc is three libraries. The functions of threads are in libpthread.so.0 and the loader's in libdl.so.2,
// and a program that needs neither has neither loaded.
#pragma once

#include <dlfcn.h>
#include <gnu/libc-version.h>
#include <link.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <string_view>

#include "shim/common/elf/exported_functions.h"

// What pthread_atfork, which is linked into each library, calls.
extern "C" int __register_atfork(void (*prepare)(), void (*parent)(), void (*child)(), void* library);
// glibc's headers have these since 2.32.
extern "C" int pthread_attr_setsigmask_np(pthread_attr_t* attributes, const sigset_t* signals);
extern "C" const char* strerrordesc_np(int error) noexcept;

namespace holdwatch {

struct LibcFunctions {
#define HOLDWATCH_LIBC_FUNCTION(name) decltype(&::name) name;
#include "shim/base/libc_functions.def"
#undef HOLDWATCH_LIBC_FUNCTION
};

// For libc() alone. The flag is written last, with release: a thread that sees it sees the functions.
[[gnu::visibility("hidden")]] extern LibcFunctions g_libc_functions;
[[gnu::visibility("hidden")]] extern std::atomic<bool> g_libc_functions_are_known;
void look_up_libc_functions_slow();

// Looks them up at the first use. Where libc_can_be_watched, none is null but for the ones that libc_functions.def says may be.
inline const LibcFunctions& libc() {
  if (!g_libc_functions_are_known.load(std::memory_order_acquire)) look_up_libc_functions_slow();
  return g_libc_functions;
}

// An errno in words. Not strerror, which looks up a translation and allocates.
const char* describe_error(int error);

// Whether everything that watching needs is there. If not, our hooks only call the real functions. `why` is the reason, if it
// deserves a line: it is empty if the program has not loaded libpthread or libdl.
bool libc_can_be_watched(std::string_view* why);

// Entries of the loader's list of modules. Start context: nothing locks the list.
const link_map& own_module();
const link_map& libc_module();

// The dynamic loader's data, which contains its locks (_rtld_global); empty if it was not found. The loader comes before all
// modules that may be unloaded, so any thread may ask.
ExportedVariable loader_data();

// Whether the program or a library that was loaded with it defines `name` for others. Start context, as above.
bool some_module_exports(const char* name);
// The first definition of `name` in the modules that were loaded after us; null if there is none. Start context, as above.
void* find_after_us(const char* name);

// The first definition of `name` in any module but us; null if there is none. Waits for the loader's list; if no module has been
// loaded since the last call with this `known_modules`, it does not search again.
void* find_anywhere(const char* name, unsigned long long* known_modules);

}  // namespace holdwatch
