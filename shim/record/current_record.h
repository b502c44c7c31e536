// The calling thread's record: made at its first lock call, returned at its exit.
// current_record: hot context. register_thread_slow: hot (once a thread; no allocation, no lock, no system call).
// The rest: start, fork and cold contexts.
#pragma once

#include <cstddef>
#include <cstdint>

#include "shim/base/thread_mode.h"
#include "shim/record/owner_record.h"

namespace holdwatch {

[[gnu::visibility("hidden")]] extern HOLDWATCH_TLS OwnerRecord* t_record;

// The calling thread's record while it is recording, else null.
inline OwnerRecord* current_record() {
  return t_record;
}

// Called once, on the main thread, before any other thread exists.
void current_record_start();

// The same in a process that is already running, called in one of our threads: the program's threads get their records
// at their next lock calls. False if the exits of threads cannot be noticed without allocating, so that no record may
// be made.
bool current_record_start_late();

// In the child after fork: only the calling thread exists.
OwnerRecord* current_record_after_fork();

// Gives the calling thread a record; null if it should not have one (ThreadMode) or none is left.
[[gnu::noinline]] OwnerRecord* register_thread_slow();

// The record of a paused thread, in which its releases can be noted; else null.
OwnerRecord* paused_record();
void pause_thread();
void resume_thread();

// How many threads have a record. More than one means that the program has threads.
uint32_t live_records();

// A thread is about to be created whose stack has `size` bytes (0: the default size).
void note_stack_size(size_t size);

// The caller's thread id, without a system call.
int current_tid();

// Whether the thread whose id is `tid` now had the id `former` in a process from which this one was forked. A lock that
// it held at that time still contains the former id.
bool was_before_fork(int tid, int former);

}  // namespace holdwatch
