// The holds that passed a waiting thread by, as the watcher has seen them: values, before stacks are unwound.
// Cold context.
#pragma once

#include <cstddef>
#include <cstdint>

#include "shim/common/contract/passed_by.h"
#include "shim/record/view.h"

namespace holdwatch {

struct PassedHolds {
  int tid;  // of the waiting thread
  bool writes;
  uint64_t holds, reads;
  size_t place_count;
  HoldView places[kMaxPassedPlaces];  // of each place one of its holds; the most frequent places
  size_t passer_count;
  Passer passers[kMaxPassers];

  void clear() {
    holds = reads = 0;
    place_count = passer_count = 0;
  }
};

}  // namespace holdwatch
