// When watching begins: with the program's first thread, or when its only thread is about to block.
// looks_locked: hot context. begin_watch_slow: start context in effect; it makes our threads.
#pragma once

#include <pthread.h>

#include "shim/common/glibc/lock_layout.h"
#include "shim/record/lock_word.h"
#include "shim/record/owner_record.h"

namespace holdwatch {

[[gnu::noinline, gnu::cold]] void begin_watch_slow();

// Gives the calling thread its record at its first lock call. A second live record means that the program has threads,
// even if glibc created them itself (timers, asynchronous I/O), past our hooks: then watching begins here.
[[gnu::noinline, gnu::cold]] OwnerRecord* first_record_slow();

// Called before the program creates a thread, whose record must come from memory that is already reserved.
[[gnu::noinline, gnu::cold]] void prepare_for_thread_slow(const pthread_attr_t* attributes);

// Whether a call that acquires the lock would probably block, from glibc's own fields. Called
// only while the process has one thread. A wrong yes costs a thread of ours; the caller is about to use the lock, so it can be read.
inline bool looks_locked(LockWord word) {
  const uintptr_t address = word.address();
  if (word.kind() == LockKind::mutex) {
    const auto& mutex = *reinterpret_cast<const pthread_mutex_t*>(address);
    const int type = mutex_type(mutex);
    // An only thread gets EDEADLK for an error-checking mutex of its own; it waits for one that another process holds.
    const bool never_waits =
        type == PTHREAD_MUTEX_RECURSIVE || (type == PTHREAD_MUTEX_ERRORCHECK && !is_mutex_process_shared(mutex));
    return is_mutex_locked(mutex) && !never_waits;
  }
  if (word.kind() == LockKind::stream) {
    const auto& stream = *reinterpret_cast<const StreamLock*>(address);
    return stream.word != 0 && stream.owner != own_descriptor();
  }
  const auto& rwlock = *reinterpret_cast<const pthread_rwlock_t*>(address);
  return is_rwlock_write_locked(rwlock) || (word.access() == Access::exclusive && rwlock_readers(rwlock) != 0);
}

}  // namespace holdwatch
