// Whether a lock's fields are impossible, so that a thread that waits for it can wait forever: an rwlock that was
// unlocked more often than it was locked, a mutex whose memory was overwritten.
// Cold context (watcher). Reads the lock, and files of /proc for threads that wait for it; disturbs none.
#pragma once

#include "shim/inspection/lock_index.h"
#include "shim/record/lock_word.h"

namespace holdwatch {

// True only if a writer that waits for the rwlock without a timeout sleeps, as the next writer, for readers that the lock
// does not count; or a thread sleeps for a mutex whose word is none of a mutex. False if that cannot be shown.
bool is_corrupt(LockWord lock, LockIndex& lock_index);

}  // namespace holdwatch
