// Who can likely end a wait for an object that does not say it: a thread that has ended such waits before.
// Cold context only. Reads /proc.
#pragma once

#include "shim/common/contract/finding.h"
#include "shim/common/contract/wait.h"
#include "symbolizer/activity/context.h"
#include "symbolizer/waits/waiting_process.h"

namespace holdwatch {

// Whether a thread waits for an object of `size` bytes; nothing if that is not known.
using SleepsOn = std::function<std::optional<bool>(int tid, uintptr_t object, size_t size)>;

// For a wait of kind condition, semaphore, barrier, atomic or futex, in the futex call `call` of the thread `waiter`: names
// the enders, or else the gap.
//
// Whoever has ended such waits is a candidate, but for the waiting thread itself and the threads that now wait for the same
// object: of the users of a lock that is made of a condition, that leaves the one that has it. Several candidates are too
// many: then nobody is named. At a barrier there must be as many as are missing.
//
// What is on the waiting thread's own stack seldom outlives a call, and ends without one that would be seen: what was noted
// of its address may be about another object.
void add_learnt_enders(Wait& wait, const SystemCall& call, const Snapshot& waiter, const WaitingProcess& process,
                       const SleepsOn& sleeps_on);

// For a condition wait with a timeout: whether it is a slice of a longer one (Wait::timeouts).
void add_repetition(Wait& wait, int tid, const WaitingProcess& process);

// The same as `SleepsOn`, by /proc.
std::optional<bool> sleeps_on(int tid, uintptr_t object, size_t size);

}  // namespace holdwatch
