// What no lock call of ours saw: what was held and waited for before this process was attached to; and what is by calls that
// go past our hooks, from a library loaded with RTLD_DEEPBIND, by a pointer that dlsym found in libc, or in another process.
// glibc's own fields of the lock, and the system calls that threads are blocked in, have to tell.
// Cold context (watcher): it makes records on behalf of such threads and is their only writer. All that reads records then
// sees them; a hold or wait that was inferred has no call site (its pc is 0).
#pragma once

#include <cstdint>

#include "shim/inspection/candidates.h"
#include "shim/inspection/lock_index.h"
#include "shim/inspection/whereabouts.h"
#include "shim/record/view.h"
#include "shim/timing/timing.h"

namespace holdwatch {

// Asks for a look at all threads at the next call of update_inferred: the process has been attached to. Any thread.
void infer_after_attachment();

// Which locks need no report because there is one about who holds them.
struct ReportedLocks {
  bool (*contain)(void* episodes, uintptr_t lock);
  void* episodes;
};

// Infers what is new, and drops what has ended or is recorded by the thread itself by now. To `stuck` come the locks that are
// waited for over their limit and that nobody can ever release.
void update_inferred(const Timing& timing, const ReportedLocks& reported, LockIndex& lock_index, Candidates& stuck);

// Infers who waits for the lock without a record, if the lock says that somebody waits; false if that is nobody.
bool infer_unseen_waiters(LockWord lock);

// Whether there are records of what no call told.
bool has_inferred();

// Whether what is inferred is from before an attachment. Any thread.
bool inferred_since_attachment();

// What is known of an inferred hold beyond its record.
struct InferredHold {
  OwnerPlace place;
  bool doubtful;     // since it was reported the lock may have been given up and taken again
  bool inside_call;  // it is in the middle of taking or releasing the lock, and wants it again (inside_call.h)
};
// Null if it was not inferred.
const InferredHold* inferred_hold(const HoldView& hold);

// Gives back all that was inferred. When no watcher runs.
void forget_inferred();

// In the child of a fork, whose records are empty by now.
void inferred_after_fork();

}  // namespace holdwatch
