// Waits for locks that no record says are held: who holds them, or whether no thread can ever release them.
// Cold context (watcher).
#pragma once

#include "shim/inspection/candidates.h"
#include "shim/inspection/inferred_holds.h"
#include "shim/inspection/lock_index.h"
#include "shim/timing/timing.h"

namespace holdwatch {

// Infers the holders of such locks, and adds to `stuck` those that are waited for over their limit and can never be released.
void examine_unexplained_waits(const Timing& timing, const ReportedLocks& reported, LockIndex& lock_index,
                               Candidates& stuck);

// Waits have turned out to be older: the next call examines them.
void unexplained_waits_look_again();

// From the next call on they are examined at once.
void unexplained_waits_reset();

}  // namespace holdwatch
