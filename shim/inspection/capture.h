// Where another thread of this process is, without disturbing it: from /proc for one that is blocked, by a signal whose
// handler only copies for one that is running.
// Cold context (the reporter thread), but the handler. Never touches records or symbols; never allocates.
#pragma once

#include <cstddef>
#include <cstdint>

#include "shim/common/contract/finding.h"

namespace holdwatch {

// Chooses the signal (kSignalAuto: the highest real-time signal whose disposition is the default; kSignalOff: running
// threads are not captured) and reserves the mailbox. Returns false, with one line said, if no signal is to be had.
bool capture_start(int signal_option);

// Fills `out` for a thread of this process. out->copy points into memory of ours and stays valid until the next
// capture_thread. It is null for a blocked thread whose stack is large or that did not stay put while it was copied:
// then the live stack is to be read, and capture_unchanged says afterwards whether it stayed put. `stack_end` is one past
// the thread's highest stack address, 0 if unknown.
// Bounded: waits at most 50 ms for a running thread's answer. Returns false if nothing at all could be had;
// out->why_short says why, out->state and out->call are filled as far as known in any case.
bool capture_thread(int tid, uintptr_t stack_end, Snapshot* out);

// True if what the snapshot leads to is of its moment: it has a copy or is from a call site, or the thread has not run
// since (its context switches and its place are the same).
bool capture_unchanged(const Snapshot& snapshot);

// True if the thread has not run since the snapshot: what the call refers to (memory, descriptors, clocks) was read while the
// thread was in it. Also for a snapshot of a thread that runs, which refers to nothing.
bool capture_lasts(const Snapshot& snapshot);

// A snapshot from what a lock call saved before it blocked: exact, and needs no look at the thread.
void capture_from_call_site(int tid, uintptr_t pc, uintptr_t sp, uintptr_t bp, uintptr_t stack_end, Snapshot* out);

// From now on the stack of this thread is not taken: it is about to wait for us, which is nobody's business. Any thread.
void capture_no_more_of(int tid);

// Whether a thread of the program has yet to run the handler of a sample that it was asked for. Any thread.
bool capture_samples_under_way();

// Copies up to `size` bytes of this process's own memory without faulting; returns how many.
size_t read_own_memory(uintptr_t address, void* out, size_t size);

}  // namespace holdwatch
