// Redirects the calls that modules have already bound to glibc's lock functions to our hooks, and restores them.
// Cold context; the attachment's thread. Waits for the loader's list of modules, never with a lock of ours held.
#pragma once

#include <cstddef>

namespace holdwatch {

struct Redirected {
  size_t slots;    // redirected by this call
  bool unsettled;  // a module is still being loaded: try again soon
};

// Both are inside the loader meanwhile: see own_threads/loader_use.h.

// Handles every module but libc, the loader and us. Can be called again for modules loaded since.
Redirected redirect_calls();

// Restores the redirected calls of the modules that are still loaded.
void restore_calls();

}  // namespace holdwatch
