// Shows afterwards that a lock was not given up in between, where no record tells. Either its holder has slept all the time.
// Or all have that slept for the lock: an unlock wakes one of them.
// Cold context (watcher). Reads /proc of a few threads; disturbs none.
#pragma once

#include <cstddef>
#include <cstdint>

#include "shim/record/lock_word.h"

namespace holdwatch {

// The threads of this process that sleep in a futex call on a word of the lock; of more than there is room for, none.
struct Sleepers {
  static constexpr size_t kMax = 16;
  static constexpr size_t kMaxThreads = 1024;  // of the process that are asked: a file of /proc each
  int tids[kMax];
  size_t count = 0;
};
Sleepers sleepers_for(LockWord lock);

class Stillness {
 public:
  // `process`: 0 for this one.
  void begin(int process, int holder, LockWord lock);
  // Whether the lock has surely not been given up since begin(), or since this was asked last. If not, it is as if begun
  // anew.
  bool lasts();

 private:
  struct Still {
    int tid;
    uint64_t switches;
  };
  bool holder_has_slept();
  bool sleepers_have_slept() const;
  void note_sleepers();

  int process_ = 0;
  int holder_ = 0;
  LockWord lock_;
  uint64_t holder_switches_ = 0;  // while it slept; 0: it ran, or /proc does not tell
  Still sleepers_[Sleepers::kMax] = {};
  size_t count_ = 0;
};

}  // namespace holdwatch
