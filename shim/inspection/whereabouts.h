// Where the thread is that a lock names as its holder: in this process, exited, or in another process.
// Cold context (watcher). Asks the kernel about ids; disturbs nothing. Always `unknown` under a filter that may kill.
#pragma once

#include <cstdint>

#include "shim/record/lock_word.h"

namespace holdwatch {

enum class Whereabouts : uint8_t {
  unknown,           // the kernel may not be asked, or the lock may mean one thread or another
  here,              // a thread of this process
  exited,            // it was one, or the lock is not shared with other processes
  of_parent,         // a thread of the process that this one was forked from, and did not fork
  elsewhere,         // of another process, which shares the lock
  exited_elsewhere,  // it was one of another process
};

// It can no longer release anything.
constexpr bool is_gone(Whereabouts where) {
  return where == Whereabouts::exited || where == Whereabouts::of_parent || where == Whereabouts::exited_elsewhere;
}

constexpr bool is_of_other_process(Whereabouts where) {
  return where == Whereabouts::elsewhere || where == Whereabouts::exited_elsewhere;
}

struct OwnerPlace {
  Whereabouts where = Whereabouts::unknown;
  int tid = 0;          // its id here: not the lock's if it came through a fork, or from another pid namespace
  int pid = 0;          // elsewhere: its process, 0 if it cannot be found
  int id_in_lock = 0;   // 0: the same as here
  bool likely = false;  // a thread of another pid namespace may be meant instead

  int named() const { return id_in_lock == 0 ? tid : id_in_lock; }
};

// Forks before now were not recorded: this process's main thread may be one that its parent had under another id.
void expect_unrecorded_forks();

// `owner` is what owner_of() read from `lock`, for which a thread has waited since `since_ns` (CLOCK_MONOTONIC).
OwnerPlace find_owner(int owner, LockWord lock, uint64_t since_ns);

}  // namespace holdwatch
