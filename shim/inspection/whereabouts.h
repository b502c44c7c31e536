// Where the thread is that a lock names as its holder: in this process, nowhere any more, or in another process.
// Cold context (watcher). Asks the kernel about ids; disturbs nobody. Knows nothing behind a filter that may kill.
#pragma once

#include <cstdint>

#include "shim/record/lock_word.h"

namespace holdwatch {

enum class Whereabouts : uint8_t {
  unknown,    // the kernel may not be asked
  here,       // a thread of this process
  exited,     // it was one, or one of a process that nobody else shares the lock with
  of_parent,  // a thread of the process that this one was forked from, and did not fork
  elsewhere,  // of another process, which shares the lock
};

// It can release nothing any more.
constexpr bool is_gone(Whereabouts where) {
  return where == Whereabouts::exited || where == Whereabouts::of_parent;
}

struct OwnerPlace {
  Whereabouts where = Whereabouts::unknown;
  int tid = 0;  // its id here: another one than the lock's where it came through a fork
  int pid = 0;  // elsewhere: its process, 0 if that is not to be found
};

// `owner` is what owner_of() read from `lock`, for which somebody has waited since `since_ns` (CLOCK_MONOTONIC).
OwnerPlace find_owner(int owner, LockWord lock, uint64_t since_ns);

}  // namespace holdwatch
