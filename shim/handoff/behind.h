// Who is behind a reported lock without waiting for it: those wait for locks that other waiting threads hold, or for such
// threads to exit.
// Cold context; values only.
#pragma once

#include <cstddef>
#include <cstdint>

#include "shim/record/lock_word.h"
#include "shim/record/view.h"

namespace holdwatch {

// A thread on the way from the lock to those who are farthest behind it.
struct BehindStep {
  LockWord holds;  // what the next one waits for; empty: for its end
  int tid;
  LockWord waits_for;  // empty: for the end of the thread `joins`
  int joins;
  Identity wait;  // of a join: its record, and its state instead of a slot's number
  uint64_t waited_ns;
};

struct Behind {
  static constexpr size_t kMaxSteps = 64;
  int front;  // the holder whom they are behind: of several, the one that comes first in the report; 0: there is none
  size_t threads;
  uint64_t longest_ns;
  uint64_t lost_ns;       // by all of them: each since it has been behind the lock
  uint64_t way_lost_ns;   // by those whom the front waits for, as far as the records show
  size_t step_count;      // entries in `steps`, nearest first
  size_t steps_left_out;  // beyond that
  BehindStep steps[kMaxSteps];
};

}  // namespace holdwatch
