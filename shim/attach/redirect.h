// Turns the calls that modules have already bound to glibc's lock functions to our hooks, and back.
// Cold context; threads of ours, one at a time. Waits for the loader's list of modules, never with a lock of ours held.
#pragma once

#include <cstddef>

namespace holdwatch {

struct Redirected {
  size_t slots;    // turned by this call
  bool unsettled;  // a module is still being loaded: look again soon
};

// Every module but libc, the loader and us. Can be called again for modules that have come since.
Redirected redirect_calls();

// The same for what the symbolizer's libraries call when they start, and nothing else. In the thread that starts them.
void redirect_library_starts();

// Gives back what both turned, as far as it is still there.
void restore_calls();

// The child of a fork has what was turned, but not the thread that may just have been at it.
void redirect_after_fork();

// Set while calls are redirected: called, in the program's thread, after it has asked for a module to be loaded.
extern void (*g_module_wanted)();

}  // namespace holdwatch
