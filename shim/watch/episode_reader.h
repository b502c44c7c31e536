// Reads the present state of an episode's locks from the records and the locks, and notes in the episode who is over
// the limit.
// Cold context (watcher). Begins, reports and ends nothing.
#pragma once

#include "shim/inspection/candidates.h"
#include "shim/inspection/lock_index.h"
#include "shim/inspection/lock_state.h"
#include "shim/timing/timing.h"
#include "shim/watch/episodes.h"
#include "shim/watch/woken_waits.h"

namespace holdwatch {

class EpisodeReader {
 public:
  // Finds the holders and waiters of these locks in one walk over the records. Each other lock costs a walk of its own.
  void find(const Candidates& locks);
  LockIndex& lock_index() { return lock_index_; }

  // What was read last.
  const LockState& state() const { return state_; }
  void read(LockWord lock, const Timing& timing);
  // Reads the lock, or the cycle's locks, and updates the episode; false if what the episode is about has ended.
  bool update(Episode& episode, const Timing& timing);

  // For the lock that was read last: notes all of its present holders.
  void note_holders(Episode& episode, const Timing& timing) const;
  // Notes which of its present holders are over the limit; false if none is. A hold that can never end counts even
  // below the limit if a wait for it is over the limit: we may have seen the hold late.
  bool note_overdue_holders(Episode& episode, const Timing& timing) const;
  // Whether a wait for the lock that was read last is over this limit.
  bool is_waited_for(uint64_t limit_ns, const Timing& timing) const;
  // For the lock that was read last: wait, or corrupt or lost_wakeup if a wait for it is over the limit for locks that
  // nobody can release.
  Event event_of_waits(const Timing& timing);
  // For when the records show no waiters but the lock's fields show some: they wait in calls that our hooks have not
  // seen.
  void add_unseen_waiters(LockWord lock, const Timing& timing);
  // The age of the oldest of what the episode is about: its holds that are over the limit, or the waits.
  uint64_t oldest_age_ns(const Episode& episode, const Timing& timing) const;

 private:
  bool note_overdue_waits(Episode& episode, const Timing& timing) const;

  LockIndex lock_index_;
  LockState state_{};
  WokenWaits woken_waits_;
};

}  // namespace holdwatch
