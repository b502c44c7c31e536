// Records for those edges of a cycle that no record shows, made on behalf of their threads (inspection/inference): so the cycle
// is proven, followed and reported like any other.
// Cold context (watcher).
#pragma once

#include <cstddef>

#include "shim/watch/cycle_search.h"

namespace holdwatch {

struct Inferred;

// What it inferred ends with it, unless it is to be kept.
class InferredEdges {
 public:
  InferredEdges() = default;
  ~InferredEdges();
  InferredEdges(const InferredEdges&) = delete;
  InferredEdges& operator=(const InferredEdges&) = delete;

  // Completes the identities of the cycle's holds; false if there is no room.
  bool infer(Cycle& cycle);
  void keep() { count_ = 0; }

 private:
  bool infer_hold(CycleHold& hold);
  bool infer_wait(const CycleHold& holder, LockWord lock);
  bool note(Inferred* inferred);

  Inferred* inferred_[2 * kMaxHolders] = {};
  size_t count_ = 0;
};

}  // namespace holdwatch
