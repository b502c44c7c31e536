// The condition that a thread in a condition wait sleeps in, from the word that it sleeps on. Where that word lies in a
// pthread_cond_t differs between versions of glibc.
// Cold context only.
#pragma once

#include "shim/common/glibc/futex_wait.h"
#include "symbolizer/unwind/memory.h"

namespace holdwatch {

// The condition's address; 0 if it is not known: without the version, or where the condition's fields fit both layouts.
uintptr_t condition_slept_in(const FutexWait& futex, unsigned glibc_minor, MemoryReader& memory);

}  // namespace holdwatch
