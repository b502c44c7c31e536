// Which thread another one waits for in pthread_join, as the kernel and the joined thread's descriptor show it.
// Cold context. Reads without faulting; nothing here disturbs a thread.
#pragma once

#include "shim/inspection/task_files.h"
#include "shim/record/view.h"

namespace holdwatch {

// What the holder's thread waits for in a join, by its record; false if it is in none. An inferred hold is in another
// record than what its thread has done since.
bool view_join_of(const HoldView& hold, JoinView* out);

// The id of the thread for whose end `join`'s thread sleeps; 0 if it does not sleep there, or if that cannot be known.
// The second form is for a call that was read before.
int joined_thread(const JoinView& join);
int joined_thread(const JoinView& join, const SystemCall& call);

// The id in a thread's descriptor, as a pthread_t or a stream's lock names it; 0 if that thread has exited, or there is none.
int tid_in_descriptor(uintptr_t descriptor);

// Whether the thread with this record still has it: for threads that hold nothing.
bool thread_lasts(uint32_t record, int tid);

}  // namespace holdwatch
