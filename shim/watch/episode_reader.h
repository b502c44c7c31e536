// Reads what the records and locks say now about the locks of an episode, and notes in it who is over the limit.
// Cold context (watcher). Begins, reports and ends nothing.
#pragma once

#include "shim/inspection/candidates.h"
#include "shim/inspection/lock_index.h"
#include "shim/inspection/lock_state.h"
#include "shim/timing/timing.h"
#include "shim/watch/episodes.h"

namespace holdwatch {

class EpisodeReader {
 public:
  // Looks in one walk over the records for who holds the locks, or waits for them. Those of other locks take a walk each.
  void find(const Candidates& locks);
  LockIndex& lock_index() { return lock_index_; }

  // What was read last.
  const LockState& state() const { return state_; }
  void read(LockWord lock) { read_lock_state(lock, lock_index_, &state_); }
  // Reads the lock, or the cycle's locks, and notes what the episode is about; false if that is over.
  bool update(Episode& episode, const Timing& timing);

  // Of the lock that was read last. Notes all of its present holders.
  void note_holders(Episode& episode, const Timing& timing) const;
  // Notes which of its present holders are over the limit; false if none is. A hold that is for ever need not be, where
  // somebody waits so long for it: we may have seen it late.
  bool note_overdue_holders(Episode& episode, const Timing& timing) const;
  // Where the records show nobody who waits, but the lock says that somebody does: by a call that we have not seen.
  void add_unseen_waiters(LockWord lock);
  // Of what the episode is about: its holds that are over the limit, or the waits.
  uint64_t oldest_age_ns(const Episode& episode, const Timing& timing) const;

 private:
  bool is_waited_for(uint64_t limit_ns, const Timing& timing) const;
  bool note_overdue_waits(Episode& episode, const Timing& timing) const;

  LockIndex lock_index_;
  LockState state_{};
};

}  // namespace holdwatch
