// See inferred_edges.h.
#include "shim/watch/inferred_edges.h"

#include "shim/inspection/inference.h"

namespace holdwatch {

InferredEdges::~InferredEdges() {
  while (count_ > 0) drop(*inferred_[--count_]);
}

bool InferredEdges::note(Inferred* inferred) {
  if (inferred == nullptr) return false;
  inferred_[count_++] = inferred;
  return true;
}

bool InferredEdges::infer_hold(CycleHold& hold) {
  Inferred* inferred = find_inferred(hold.tid, hold.lock, false);
  if (inferred == nullptr) {
    inferred = holdwatch::infer({Whereabouts::here, hold.tid}, hold.lock, false);
    if (!note(inferred)) return false;
    inferred->still.begin(0, hold.tid, hold.lock);
  }
  hold.identity = identity_of(*inferred);
  return true;
}

// A thread waits for one lock at a time: if a record says for which, there is nothing to infer.
bool InferredEdges::infer_wait(const CycleHold& holder, LockWord wanted) {
  return waits_by_record(holder.tid) || note(holdwatch::infer({Whereabouts::here, holder.tid}, wanted, true));
}

bool InferredEdges::infer(Cycle& cycle) {
  for (size_t i = 0; i < cycle.count; ++i) {
    CycleHold& next = cycle.holds[(i + 1) % cycle.count];
    if (next.identity != kUnrecorded) continue;
    if (!infer_hold(next) || !infer_wait(cycle.holds[i], next.lock)) return false;
  }
  return true;
}

}  // namespace holdwatch
