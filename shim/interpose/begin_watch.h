// When the watch begins: with the program's first thread, or when its only thread is about to block.
// looks_taken: hot context. begin_watch_slow: start context in effect; it makes our threads.
#pragma once

#include <pthread.h>

#include "shim/common/glibc/lock_layout.h"
#include "shim/record/lock_word.h"
#include "shim/record/thread_record.h"

namespace holdwatch {

[[gnu::noinline, gnu::cold]] void begin_watch_slow();

// Gives the calling thread its record at its first lock call. A second live record means that the program has threads,
// even if they were made behind our back (timers, asynchronous I/O: inside glibc): then the watch begins here.
[[gnu::noinline, gnu::cold]] ThreadRecord* first_record_slow();

// Called before the program makes a thread: its record must come from memory that is already there.
[[gnu::noinline, gnu::cold]] void prepare_for_thread_slow(const pthread_attr_t* attributes);

// Whether anybody may hold the lock: the first word of glibc's mutexes and rwlocks is 0 if nobody does.
inline bool is_in_use(const void* lock) {
  return *static_cast<const uint32_t*>(lock) != 0;
}

// Whether a call that takes the lock would probably block, from glibc's own fields. Asked
// only while the process has one thread. A wrong yes costs a thread of ours; the lock is the caller's to be looked at.
inline bool looks_taken(LockWord word) {
  const uintptr_t address = word.address();
  if (word.kind() == LockKind::mutex) {
    const auto& mutex = *reinterpret_cast<const pthread_mutex_t*>(address);
    const int type = mutex_type(mutex);
    // An only thread that meets its own error-checking mutex gets EDEADLK; one of another process it waits for.
    const bool never_waits = type == PTHREAD_MUTEX_RECURSIVE ||
                             (type == PTHREAD_MUTEX_ERRORCHECK && (mutex.__data.__kind & kMutexIsShared) == 0);
    return is_mutex_locked(mutex) && !never_waits;
  }
  const auto& rwlock = *reinterpret_cast<const pthread_rwlock_t*>(address);
  return is_rwlock_write_locked(rwlock) || (word.access() == Access::exclusive && rwlock_readers(rwlock) != 0);
}

}  // namespace holdwatch
