// glibc's functions in which threads wait for locks, looked up as for an attachment.
#pragma once

#include <dlfcn.h>

#include "shim/attach/lock_functions.h"
#include "shim/interpose/real_functions.h"

namespace holdwatch {

// For the rest of the process.
inline void know_waiting_functions() {
  resolve_real_functions(RTLD_DEFAULT);
  note_lock_functions();
}

}  // namespace holdwatch
