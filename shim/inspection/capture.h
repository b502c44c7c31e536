// Where another thread of this process is, without disturbing it: from /proc for one that is blocked, by a signal whose
// handler only copies for one that is running.
// Cold context (the reporter thread), except the handler. Uses neither records nor symbols; never allocates.
#pragma once

#include <cstddef>
#include <cstdint>

#include "shim/common/contract/finding.h"

namespace holdwatch {

// Chooses the signal (kSignalAuto: the highest real-time signal whose disposition is the default; kSignalOff: running
// threads are not captured) and reserves the mailbox. Returns false, after printing one line, if no signal is available.
bool capture_start(int signal_option);

// Fills `out` for a thread of this process. out->copy points into memory of ours and stays valid until the next
// capture_thread. It is null for a blocked thread whose stack is large or that moved while it was copied:
// then the live stack has to be read, and capture_unchanged says afterwards whether the thread has not moved. `stack_end` is one past
// the thread's highest stack address, 0 if unknown.
// Bounded: waits at most 50 ms for a running thread's answer. Returns false if nothing at all could be captured;
// out->why_short says why, out->state and out->call are filled as far as known in any case.
bool capture_thread(int tid, uintptr_t stack_end, Snapshot* out);

// The same for one of many samples: a running thread is sent one signal at most. `*seen_sp` is where its stack pointer was at the last
// one, 0 at first: a thread on another stack than its own is captured from the second time on.
bool capture_sample(int tid, uintptr_t stack_end, uintptr_t* seen_sp, Snapshot* out);

// The same of a thread that is blocked. False, without a signal or a wait, if it runs.
bool capture_blocked(int tid, uintptr_t stack_end, Snapshot* out);

// True if what the snapshot refers to is unchanged: it has a copy or comes from a call site, or the thread has not run
// since (its context switches and its position are the same).
bool capture_unchanged(const Snapshot& snapshot);

// True if the thread has not run since the snapshot: what the call refers to (memory, descriptors, clocks) was read while the
// thread was in it. Also for a snapshot of a running thread, which refers to nothing.
bool capture_lasts(const Snapshot& snapshot);

// A snapshot from what a lock call saved before it blocked: exact, without reading anything of the thread.
void capture_from_call_site(int tid, uintptr_t pc, uintptr_t sp, uintptr_t bp, uintptr_t stack_end, Snapshot* out);

// From now on the stack of this thread is not captured: it is about to wait for us, which no report should show. Any thread.
void capture_no_more_of(int tid);

// Whether a thread of the program has yet to run the handler of a requested sample. Any thread.
bool capture_samples_under_way();

// Copies up to `size` bytes of this process's own memory without faulting; returns how many.
size_t read_local_memory(uintptr_t address, void* out, size_t size);

}  // namespace holdwatch
