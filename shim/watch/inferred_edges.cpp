// See inferred_edges.h.
#include "shim/watch/inferred_edges.h"

#include "shim/inspection/inference.h"
#include "shim/inspection/other_process.h"
#include "shim/inspection/stillness.h"

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
  if (hold.identity != kUnrecorded) return true;
  Inferred* inferred = find_inferred(hold.tid, hold.lock, false);
  if (inferred == nullptr) {
    const bool is_here = hold.place.where == Whereabouts::unknown;
    inferred = holdwatch::infer(is_here ? OwnerPlace{Whereabouts::here, hold.tid} : hold.place, hold.lock, false);
    if (!note(inferred)) return false;
    inferred->still.begin(hold.place.pid, hold.tid, hold.lock);
  }
  hold.identity = identity_of(*inferred);
  return true;
}

// A thread waits for one lock at a time: if a record says for which, there is nothing to infer. In this process such a wait is
// in the loader.
bool InferredEdges::infer_wait(const CycleHold& holder, LockWord lock) {
  if (waits_by_record(holder.tid)) return true;
  const OwnerPlace place = place_of(holder.identity.record);
  if (place.where != Whereabouts::elsewhere) return note(holdwatch::infer({Whereabouts::here, holder.tid}, lock, true));
  const LockWord wanted = wanted_elsewhere(place.pid, place.tid, lock);
  const uint64_t switches = switches_asleep(place.pid, place.tid);
  if (wanted.empty() || !note(holdwatch::infer(place, wanted, true))) return false;
  inferred_[count_ - 1]->switches = switches;
  return true;
}

bool InferredEdges::infer(Cycle& cycle) {
  for (size_t i = 0; i < cycle.count; ++i)
    if (!infer_hold(cycle.holds[i])) return false;
  for (size_t i = 0; i < cycle.count; ++i) {
    const CycleHold& next = cycle.holds[(i + 1) % cycle.count];
    if (!next.lock.empty() && !infer_wait(cycle.holds[i], next.lock)) return false;
  }
  return true;
}

}  // namespace holdwatch
