// Shows afterwards that a lock without a record was not released in between: either its holder has slept all the time, or
// all threads have that slept for the lock, of which an unlock wakes one.
// Cold context (watcher). Reads /proc of a few threads; disturbs none.
#pragma once

#include <cstddef>
#include <cstdint>

#include "shim/record/lock_word.h"

namespace holdwatch {

// The threads of this process that sleep in a futex call on a word of the lock; none if there are more than fit.
struct Sleepers {
  static constexpr size_t kMax = 16;
  static constexpr size_t kMaxThreads = 1024;  // threads of the process that are examined: a file of /proc each
  int tids[kMax];
  size_t count = 0;
};
Sleepers sleepers_for(LockWord lock);

// The number of context switches of a sleeping thread, which grows as soon as it runs again. 0: it is running, or the
// number cannot be read. `process`: 0 for this one.
uint64_t switches_asleep(int process, int tid);

class Stillness {
 public:
  // `process`: 0 for this one.
  void begin(int process, int holder, LockWord lock);
  // Whether the lock has certainly not been released since begin(), or since the last call. If not, this call is a new
  // begin().
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
