// Holds and waits that our hooks did not see: those from before this process was attached to, and those by calls that bypass
// the hooks: from a library loaded with RTLD_DEEPBIND, through a pointer that dlsym found in libc, or in another process.
// They are inferred from glibc's own fields of the lock and from the system calls that threads are blocked in.
// Cold context (watcher): it makes records on behalf of such threads and is their only writer. Whatever reads records
// then sees them; an inferred hold or wait has no call site (its pc is 0).
#pragma once

#include <cstdint>

#include "shim/inspection/candidates.h"
#include "shim/inspection/lock_index.h"
#include "shim/inspection/whereabouts.h"
#include "shim/record/view.h"
#include "shim/timing/timing.h"

namespace holdwatch {

// Has the next call of update_inferred examine all threads, after an attachment. Any thread.
void infer_after_attachment();

// The same now, with what the attaching command knows of the time before (earlier_sleeps). Watcher.
void infer_since(uint64_t earlier_sleeps);

// Which locks need no report because there is one about their holders, or one that says that their count is impossible.
struct ReportedLocks {
  bool (*contain)(void* episodes, uintptr_t lock);
  void* episodes;
};

// Infers what is new, and drops what has ended or what the thread itself has recorded by now. Adds to `stuck` the locks that
// are waited for over their limit and that no thread can ever release.
void update_inferred(const Timing& timing, const ReportedLocks& reported, LockIndex& lock_index, Candidates& stuck);

// Infers which threads wait for the lock without a record, if the lock's fields say that there are waiters; false if none.
bool infer_unseen_waiters(LockWord lock);

// Whether there are inferred records; whether one says that this thread waits.
bool has_inferred();
bool has_inferred_wait(int tid);

// Whether inferred holds of this lock, and waits for it, are from before an attachment. That is never known of a stream's:
// the calls inside of stdio are not seen after it either. Any thread.
bool inferred_since_attachment(LockWord lock);

// What is known about an inferred hold apart from its record.
struct InferredHold {
  OwnerPlace place;
  bool doubtful;     // since it was reported, the lock may have been released and acquired again
  bool inside_call;  // it is in the middle of acquiring or releasing the lock, and wants it again (inside_call.h)
};
// Null if it was not inferred.
const InferredHold* inferred_hold(const HoldView& hold);

bool is_inferred_hold(const Identity& hold);

// The id by which the lock names the thread of that hold: its own, unless the hold was inferred and the place says otherwise.
int named_in_lock(const Identity& hold, int tid);

// The id of its owner in a lock that processes share, if it was found that threads of several pid namespaces may be meant by it; 0: no.
int unclear_owner(LockWord lock);

// Frees everything that was inferred. Only while no watcher runs.
void forget_inferred();

// In the child of a fork, whose records are empty by now.
void inferred_after_fork();

}  // namespace holdwatch
