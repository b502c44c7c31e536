// Follows each episode from its beginning to its closing line, and decides when it is told.
// Cold context (watcher).
#pragma once

#include "shim/common/contract/settings.h"
#include "shim/inspection/inferred_holds.h"
#include "shim/timing/timing.h"
#include "shim/watch/cycle_search.h"
#include "shim/watch/episodes.h"
#include "shim/watch/scan.h"

namespace holdwatch {

class EpisodeKeeper {
 public:
  void start(const Settings& settings);
  void reset() {
    episodes_.clear();
    follow_due_ns_ = 0;
  }

  // Releases first: a hold that has ended must not be taken for one that lasts. The holders of the episode `followed` are those
  // that it had `before`, too.
  void take_ended_holds(const Timing& timing, Episode* followed = nullptr, const Episode* before = nullptr);
  // False: one has ended, so that what it stood for may want another.
  bool follow_all(const Timing& timing);
  // Looks for new deadlocks. Before the others are begun: what is part of one is told there.
  void begin_cycles(const Timing& timing);
  // Whether the last follow_all looked at all episodes.
  bool has_followed_all() const { return followed_all_; }
  // False: not all became episodes.
  bool begin_hold_episodes(const Candidates& candidates, const Timing& timing);
  bool begin_wait_episodes(const Candidates& candidates, const Timing& timing);

  // The answer to a snapshot: one report a lock, as many as the reporter can take.
  void report_all_holds(const Timing& timing);

  Episodes& episodes() { return episodes_; }
  ReportedLocks reported_locks() {
    const auto contain = [](void* episodes, uintptr_t lock) {
      return static_cast<Episodes*>(episodes)->tell_of_hold(lock);
    };
    return {contain, &episodes_};
  }
  // Room for whoever looks for locks in the records before this one does.
  LockIndex& lock_index() { return lock_index_; }

 private:
  void see_all(const Candidates& candidates);
  bool see_due_episodes(const Timing& timing);
  bool begin_hold(LockWord lock, const Timing& timing);
  bool begin_wait(LockWord lock, const Timing& timing);
  void begin_cycle(const Cycle& cycle, const Timing& timing);
  bool note_state(Episode& episode, const Timing& timing);
  void follow(Episode& episode, const Timing& timing);
  void add_unseen_waiters(LockWord lock);
  void tell(Episode& episode, uint64_t oldest_ns, const Timing& timing);
  void end(Episode& episode, const Timing& timing);
  void close(Episode& episode, const Timing& timing);
  void report_cycle(const Episode& cycle, const Timing& timing);
  void report_holds_of(LockWord lock, const Timing& timing);
  void report_late(EndedHold* ended, const Timing& timing);
  void note_holders(Episode& episode, const Timing& timing);
  bool note_overdue_holders(Episode& episode, const Timing& timing);
  bool note_overdue_waits(Episode& episode, const Timing& timing);
  bool is_waited_for(uint64_t limit_ns, const Timing& timing) const;
  uint64_t oldest_age_ns(const Episode& episode, const Timing& timing) const;

  Only only_ = Only::all;
  bool repeat_ = false;  // all zero, so that the object takes no room in the file
  bool followed_all_ = false;
  uint64_t follow_due_ns_ = 0;
  CycleSearch cycle_search_;
  Episodes episodes_;
  LockIndex lock_index_;
  LockState state_{};  // scratch: the lock that is looked at
};

}  // namespace holdwatch
