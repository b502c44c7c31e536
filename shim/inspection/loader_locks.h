// The dynamic loader's locks, which dlopen, dl_iterate_phdr and the destructors of thread-local variables take. No hook sees that.
// They are recursive mutexes in the loader's data (_dl_load_lock, _dl_load_write_lock, since glibc 2.35 _dl_load_tls_lock;
// elf/rtld.c), so each names its owner.
// Cold context (watcher and reporter). Only reads them: none is ever taken here.
#pragma once

#include <cstddef>

#include "shim/common/contract/finding.h"
#include "shim/record/lock_word.h"

namespace holdwatch {

// A lock of the loader's is a mutex to the records; reports name it as what it is.
bool is_loader_lock(LockWord lock);
LockRef reported_lock(LockWord lock);

struct LoaderLock {
  LockWord word;
  int owner;
};

// The loader's locks that have an owner and waiters at this moment. Without any, the answer costs less than a microsecond.
struct ContendedLoaderLocks {
  static constexpr size_t kMax = 4;
  LoaderLock locks[kMax];
  size_t count = 0;
};
ContendedLoaderLocks contended_loader_locks();

// The one of these for which the thread sleeps; empty if for none, or if the kernel does not show it.
LockWord loader_lock_slept_for(int tid, const ContendedLoaderLocks& locks);

}  // namespace holdwatch
