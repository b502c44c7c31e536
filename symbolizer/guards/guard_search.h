// Which locks a thread has, by what its frames will release; see frame_locks.h. For locks that nobody saw it acquire: who has an
// rwlock for reading is in no field of libc's.
// Cold context only; one thread at a time. A search stops when its time is over: then something may be missing.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "shim/common/contract/finding.h"
#include "symbolizer/unwind/memory.h"
#include "symbolizer/unwind/modules.h"
#include "symbolizer/unwind/unwinder.h"
#include "symbolizer/waits/innermost_functions.h"

namespace holdwatch {

struct GuardedLock {
  LockRef lock;
  Evidence evidence;  // guard or code
  uint32_t times;
  uint32_t frame;             // of the stack: the innermost one that releases it
  bool is_conditional;        // the code may also return without releasing it
  uintptr_t released_at = 0;  // where that frame's call that releases it returns to; 0 if it is not known
};

struct ThreadGuards {
  std::vector<GuardedLock> locks;
  bool lacks_registers = false;  // with all of the thread's registers there may be more
};

class GuardSearch {
 public:
  // All must outlive this object. Only where there is a decoder (capstone.h).
  GuardSearch(Modules& modules, MemoryReader& memory, Unwinder& unwinder, const ResolveFrames& resolve);
  ~GuardSearch();

  // From now on all searches together may take this much processor time of the calling thread.
  void begin(std::chrono::nanoseconds timeout);

  // Whether that time is over: then the last search may have been cut short.
  bool is_over() const;

  // `snapshot`: of a thread that has not run since. `awaited`: the lock that it waits for, if any. `stack` receives its stack.
  ThreadGuards find(const Snapshot& snapshot, const std::optional<LockRef>& awaited, RawStack& stack);

  // Whether the code of such a thread, once it has the lock that it waits for, may go on to signal the condition at that address, or
  // to post the semaphore: likely at best, for it may turn at a branch that cannot be decided now.
  bool may_signal(const Snapshot& snapshot, const LockRef& awaited, uintptr_t object);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace holdwatch
