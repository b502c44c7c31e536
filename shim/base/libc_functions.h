// libc's own functions, for our threads: what the program or another preload puts in front of them may wait for locks of its
// own, and those may be the ones that the stalled program holds.
// Cold context. The first use looks all of them up; start makes it.
#pragma once

#include <dlfcn.h>
#include <gnu/libc-version.h>
#include <link.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// What pthread_atfork, which is linked into each library, calls.
extern "C" int __register_atfork(void (*prepare)(), void (*parent)(), void (*child)(), void* library);

namespace holdwatch {

struct LibcFunctions {
#define HOLDWATCH_LIBC_FUNCTION(name) decltype(&::name) name;
#include "shim/base/libc_functions.def"
#undef HOLDWATCH_LIBC_FUNCTION
};

// Looks them up at the first use. None is null: each is as old as the oldest libc that we run with.
const LibcFunctions& libc();

// The module that the function is in, or null. Takes the loader's lock.
const link_map* module_of(void* function);

// Whether the program or a library that was loaded with it defines `name` for others. Start context: nothing locks the list.
bool some_module_exports(const char* name);

}  // namespace holdwatch
