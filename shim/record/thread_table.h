// All threads' records: assigned at a thread's first lock call, freed at its exit, walked by the watcher.
// current_record: hot context. register_thread_slow: hot (once a thread; no allocation, no lock, no system call).
// The rest: start, fork and cold contexts.
#pragma once

#include <cstddef>
#include <cstdint>

#include "shim/base/thread_mode.h"
#include "shim/record/thread_record.h"

namespace holdwatch {

[[gnu::visibility("hidden")]] extern HOLDWATCH_TLS ThreadRecord* t_record;

// The calling thread's record while it is recording, else null.
inline ThreadRecord* current_record() {
  return t_record;
}

// Called once, on the main thread, before any other thread exists.
void thread_table_start();

// The same in a process that is running already, in a thread of ours: the program's threads get their records at their next
// lock calls. False if exits of threads cannot be noticed without allocating, so that no record may be made.
bool thread_table_start_late();

// Ends all recorded holds: before a new attachment, because releases since the last one were not seen. Meanwhile only
// threads that have been in a hook since the last attachment may call one.
void thread_table_forget_holds();

// A record on behalf of a thread that has none yet, for what it has held or waited for since before the attachment; null if
// none is left. The caller (the watcher) is its writer. `stack_end`: 0 if not known.
ThreadRecord* make_inferred_record(int tid, uintptr_t stack_end);
void return_inferred_record(ThreadRecord& record);

// The caller's thread id, without a system call.
int own_tid();

// Gives the calling thread a record if it should have one; null if it should not (ThreadMode) or none is left.
[[gnu::noinline]] ThreadRecord* register_thread_slow();

// The record of a paused thread, so that its releases can be noted; else null.
ThreadRecord* paused_record();
void pause_thread();
void resume_thread();

// How many records are in use. More than one: the program has threads.
uint32_t live_records();

// A thread is about to be created whose stack has `size` bytes (0: the default size).
void note_stack_size(size_t size);

// Makes sure that there are records for new threads. Cold context.
void refill_records();

// In the child after fork: only the calling thread exists.
void thread_table_after_fork();

// Whether the thread that is `tid` now was `former` in a process from which this one was forked. A lock that it held then
// still has its former id.
bool was_before_fork(int tid, int former);

// Records by index: null beyond the last one ever used. A record may be free; its memory stays readable for ever.
ThreadRecord* record_at(uint32_t index);
uint32_t record_limit();
uint32_t index_of(const ThreadRecord& record);

// Removes a hold that, by the lock's own fields, has ended, though the thread that acquired it never released it and may have
// exited: turns its slot into a hole, as the owner itself would have done, and frees the record if the thread is gone and
// this was its last hold. Does nothing if the slot has been reused. Watcher only; nothing else that it does writes into
// another thread's slots.
void drop_left_over(uint32_t record_index, uint32_t slot_index, uint64_t number);

// Frees the record of a thread that exited while holding locks, once nothing is left in it. Watcher only.
void reclaim_gone(ThreadRecord& record);

// Acquisitions that found no slot or no record, since start.
uint64_t unrecorded_holds();

}  // namespace holdwatch
