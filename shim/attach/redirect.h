// Turns the calls that modules have already bound to glibc's lock functions to our hooks, and back.
// Cold context; the attachment's thread. Waits for the loader's list of modules, never with a lock of ours held.
#pragma once

#include <cstddef>

namespace holdwatch {

struct Redirected {
  size_t slots;    // turned by this call
  bool unsettled;  // a module is still being loaded: look again soon
};

// Every module but libc, the loader and us. Can be called again for modules that have come since.
Redirected redirect_calls();

// Gives back what it turned, as far as it is still there.
void restore_calls();

}  // namespace holdwatch
