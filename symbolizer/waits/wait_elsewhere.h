// What a thread of another process waits for, as far as its own memory and code need not be understood: a lock of a file, a child,
// or a mutex that it shares with a process that is looked at.
// Cold context only. Reads /proc of that process, as far as the kernel allows it.
#pragma once

#include <cstdint>
#include <optional>

#include "shim/common/contract/finding.h"
#include "shim/common/contract/wait.h"

namespace holdwatch {

// Of a lock of a file, or a child; otherwise not known.
Wait kernel_wait_of(int pid, int tid, const Snapshot& snapshot);

// The futex word on which the thread of process `other_pid` sleeps without a timeout, where process `pid` has it; 0: it shares none.
uintptr_t shared_word_slept_on(int pid, int other_pid, const Snapshot& snapshot);

}  // namespace holdwatch
