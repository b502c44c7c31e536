// From a futex call to the lock that is waited for: the function that the thread is in shows which kind of lock, and
// the position of the futex in such a lock shows where the lock begins. Without names, the lock's own fields may make
// it likely.
// Cold context.
#pragma once

#include <functional>
#include <optional>

#include "shim/common/contract/finding.h"
#include "symbolizer/tools/inspect/target.h"
#include "symbolizer/unwind/memory.h"
#include "symbolizer/waits/blocking_function.h"

namespace holdwatch {

struct LockWait {
  LockRef lock;
  Access access;
  bool likely;               // not proven: found only by its contents
  bool timed = false;        // the wait ends by itself when its timeout expires
  bool for_readers = false;  // as the writer that has an rwlock next (common/glibc/futex_wait.h)
};

// Whether, by its call alone, the thread can be waiting for a glibc lock at all. Nine out of ten waiting threads of an
// idle server wait for something else, and need no second look.
bool may_wait_for_lock(const Snapshot& snapshot);

// Whether the thread waits on a word of its own stack that nothing will ever wake. glibc waits so, forever, when the
// kernel refuses it a mutex with priority inheritance because that would close a cycle or the owner has exited. Only
// the thread's registers show which mutex it wanted.
bool waits_in_vain(const Snapshot& snapshot);

// Whether it may wait for a thread to exit: it sleeps on a word that had a thread's id.
bool may_wait_for_thread(const Snapshot& snapshot, const std::function<bool(int tid)>& is_thread);

// Whether it may wait for another thread's initializer, of pthread_once or a static variable.
bool may_wait_for_initializer(const Snapshot& snapshot);

// The lock that a thread waits for in its system call, which was made by `function`. `is_thread` returns whether the
// process has a thread with that id.
std::optional<LockWait> find_lock_wait(const Capture& capture, BlockingFunction function, MemoryReader& memory,
                                       const std::function<bool(int tid)>& is_thread);

}  // namespace holdwatch
