// Which threads wait for a condition in slices while they hold a lock: with a timeout, and again whenever that is over. A single wait
// ends by its timeout; a slice does not, as far as anybody can tell who waits for that lock.
// note_condition_wait, note_timeout: hot context, in condition waits of a thread that keeps a lock; no allocation, no lock, no
// system call, errno untouched. The rest may be called by any thread.
#pragma once

#include <cstddef>
#include <cstdint>

#include "shim/common/contract/repeated_wait.h"
#include "shim/record/thread_record.h"

namespace holdwatch {

// The thread begins to wait for the condition; the mutex is no longer among its holds.
[[gnu::noinline, gnu::cold]] void note_condition_wait(const ThreadRecord& record, const void* condition);

// The wait noted last has timed out.
[[gnu::noinline, gnu::cold]] void note_timeout(const ThreadRecord& record);

// Of a thread that waits for a condition within these `size` bytes.
RepeatedWait repeated_wait(int tid, uintptr_t condition, size_t size);

// In the child after fork.
void repeated_waits_after_fork();

}  // namespace holdwatch
