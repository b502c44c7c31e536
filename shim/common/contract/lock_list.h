// The locks of a process that are held or waited for at one moment, as `holdwatch top` reads them from its memory.
// Any context. Plain values: no names that take a look-up, no stacks; the command finds those itself.
#pragma once

#include <cstddef>
#include <cstdint>

#include "shim/common/contract/finding.h"

namespace holdwatch {

inline constexpr size_t kMaxListedLocks = 256;
inline constexpr size_t kMaxListedHolds = 512;
inline constexpr size_t kMaxListedWaits = 2048;

// Identifies a hold or wait, also in later lists: never used again.
struct ListedUse {
  uint32_t record;
  uint32_t slot;
  uint64_t number;

  friend auto operator<=>(const ListedUse&, const ListedUse&) = default;
};

struct ListedHold {
  ListedUse use;
  int tid;                       // in the process's own pid namespace
  char thread[kThreadNameSize];  // of a thread that has exited; otherwise empty
  int pid;                       // acquired elsewhere: in which process, 0 if that is not known
  Access access;
  Acquired acquired;
  bool likely;     // not confirmed by the lock's own fields
  bool gone;       // its thread has exited
  uint32_t depth;  // how often the thread holds the lock
  uint64_t held_ns;
  uint64_t limit_ns;    // 0: none
  uint32_t site_count;  // 0: unknown where it was taken
  CallSite sites[kMaxCallSites];
};

struct ListedWait {
  ListedUse use;
  int tid;
  Access access;
  bool has_timeout;
  uint64_t waited_ns;
  CallSite caller;  // of the lock call; zero if its call was not seen
};

struct ListedLock {
  LockRef lock;
  uint32_t id;  // 3 for "L3"
  char name[kLockNameSize];
  bool in_deadlock;                 // the watcher has proven that its holder is part of one
  uint32_t first_hold, hold_count;  // in LockList::holds
  uint32_t first_wait, wait_count;  // in LockList::waits
  uint32_t holds_left_out, waits_left_out;
};

struct LockList {
  uint64_t time_ns;        // CLOCK_MONOTONIC
  uint64_t wait_limit_ns;  // 0: none
  bool paused;             // by `holdwatch stop`: nothing is reported, and no deadlock is searched for
  uint32_t lock_count;
  uint32_t locks_left_out;  // at least so many
  uint32_t hold_count;
  uint32_t wait_count;
  ListedLock locks[kMaxListedLocks];
  ListedHold holds[kMaxListedHolds];
  ListedWait waits[kMaxListedWaits];
};

}  // namespace holdwatch
