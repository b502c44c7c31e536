// The names of threads as last seen: a closing line names a holder that has exited since.
// Cold context; each object is used by one thread.
#pragma once

#include <cstddef>

#include "shim/common/contract/finding.h"

namespace holdwatch {

class ThreadNames {
 public:
  // Fills in the thread's name. False if the thread has exited: then the name is its last one, empty if it was never seen.
  bool look_up(int tid, char (&out)[kThreadNameSize]);

 private:
  struct NamedThread {
    int tid;
    char name[kThreadNameSize];
  };
  static constexpr size_t kMax = 256;
  NamedThread known_[kMax] = {};
};

}  // namespace holdwatch
