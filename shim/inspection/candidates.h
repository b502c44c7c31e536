// The locks that one scan has found to be worth a report.
// Cold context (watcher).
#pragma once

#include <cstddef>

#include "shim/record/lock_word.h"

namespace holdwatch {

// Each lock once.
struct Candidates {
  static constexpr size_t kMax = 64;  // locks examined in one wake-up; the next one continues with the others
  LockWord locks[kMax];
  size_t count = 0;
  void add(LockWord lock) {
    for (size_t i = 0; i < count; ++i)
      if (locks[i].is_lock_at(lock.address())) return;
    if (!full()) locks[count++] = lock;
  }
  bool full() const { return count == kMax; }
};

}  // namespace holdwatch
