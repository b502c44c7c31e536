// The functions that our hooks call: whatever comes next in the search order, glibc's own or another preload's.
// Any context after start; a call that comes before start resolves them on the way.
#pragma once

#include <bits/types/FILE.h>
#include <pthread.h>
#include <semaphore.h>
#include <threads.h>

#include <cstdint>
#include <type_traits>

#include "shim/base/clock_line.h"

namespace holdwatch {

// Read by every lock call, written at the start: no line of it is shared with what is written later.
struct alignas(kCacheLine) RealFunctions {
#define HOLDWATCH_FUNCTION(name, version, missing_result, role, ...) std::add_pointer_t<__VA_ARGS__> name;
#include "shim/common/glibc/hooked_functions.def"
#undef HOLDWATCH_FUNCTION
};

[[gnu::visibility("hidden")]] extern RealFunctions g_real;

// Looks them all up: in `scope`, which is RTLD_NEXT or, if we were loaded late, RTLD_DEFAULT. Start context: it takes the
// loader's lock. Calling it again does nothing.
void resolve_real_functions(void* scope);

// The address of our own function of that name, whether or not other modules have one. Cold context.
uintptr_t own_function(const char* name);

}  // namespace holdwatch
