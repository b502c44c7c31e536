// The memory of all threads' records, by index: taken by new threads, returned by exiting ones, walked by the watcher.
// take_record, return_record: hot context (once a thread; no allocation, no lock, no system call). The rest: start,
// fork and cold contexts.
#pragma once

#include <cstddef>
#include <cstdint>

#include "shim/record/poll_note.h"
#include "shim/record/thread_record.h"

namespace holdwatch {

class OwnerRecord;

// A record for a thread, not live yet and with its last owner's values; null if none is left.
OwnerRecord* take_record();
// The record must be empty.
void return_record(OwnerRecord& record);

// A record for a thread that has none yet, for what it has held or waited for since before the attachment; null if none
// is left. The caller (the watcher) is its writer. `stack_end`: 0 if not known.
OwnerRecord* make_inferred_record(int tid, uintptr_t stack_end);
void return_inferred_record(OwnerRecord& record);

// Makes sure that there are records for new threads. Cold context.
void refill_records();

// Ends all recorded holds: before a new attachment, because releases since the last one were not seen. Meanwhile only
// threads that have been in a hook since the last attachment may call one.
void thread_table_forget_holds();

// In the child after fork, whose only thread has the record `own`, or none.
void free_all_records_but(const OwnerRecord* own);

// Records by index: null beyond the last one ever used. A record may be free; its memory stays readable until the
// process ends.
ThreadRecord* record_at(uint32_t index);
uint32_t record_limit();
uint32_t index_of(const ThreadRecord& record);

// The note beside the record; null if the record is none of the table's.
PollNote* poll_note_of(const ThreadRecord& record);
PollNote* poll_note_at(uint32_t index);
// The thread has tried for the last time, or its acquisitions are no longer seen. Called by the record's thread, or while it
// has none.
void forget_poll(const ThreadRecord& record);

// Removes a hold that, by the lock's own fields, has ended, though the thread that acquired it never released it and
// may have exited: turns its slot into a hole, as the owner itself would have done, and frees the record if the thread
// has exited and this was its last hold. Does nothing if the slot has been reused. Watcher only; this is its only write
// to another thread's slots.
void drop_left_over(uint32_t record_index, uint32_t slot_index, uint64_t number);

// Frees the record of a thread that exited while holding locks, once nothing is left in it. Watcher only.
void reclaim_gone(ThreadRecord& record);

// Acquisitions that found no slot, and threads that found no record, since start.
uint64_t unrecorded_holds();
void count_thread_without_record();

}  // namespace holdwatch
