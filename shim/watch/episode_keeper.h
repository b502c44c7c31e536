// All episodes, and what the watcher does with them at each wake-up, in this order.
// Cold context (watcher).
#pragma once

#include "shim/common/contract/settings.h"
#include "shim/inspection/inferred_holds.h"
#include "shim/record/thread_table.h"
#include "shim/watch/cycle_search.h"
#include "shim/watch/episode_beginning.h"
#include "shim/watch/episode_context.h"
#include "shim/watch/episode_following.h"
#include "shim/watch/held_locks_report.h"
#include "shim/watch/lock_list.h"
#include "shim/watch/stuck_summary.h"

namespace holdwatch {

class EpisodeKeeper {
 public:
  void start(const Settings& settings) { rules_ = {settings.only, settings.repeat}; }
  void reset() {
    episodes_.clear();
    follower_.reset();
    trees_.reset();
    behind_.clear();
    search_due_ns_ = 0;
  }

  void take_ended_holds(const Timing& timing) { holdwatch::take_ended_holds(context(timing)); }
  bool follow_all(const Timing& timing) { return follower_.follow_all(context(timing)); }
  bool has_followed_all() const { return follower_.has_followed_all(); }
  // Deadlocks are searched for at each wake-up, but with thousands of threads less often (overdue.h).
  bool is_search_due(const Timing& timing) const { return timing.now_ns() >= search_due_ns_; }
  void search_at_once() { search_due_ns_ = 0; }
  void begin_cycles(const Timing& timing) {
    search_due_ns_ = timing.now_ns() + search_period_ns(record_limit());
    holdwatch::begin_cycles(context(timing), cycle_search_);
  }
  bool begin_hold_episodes(const Candidates& candidates, const Timing& timing) {
    return holdwatch::begin_hold_episodes(context(timing), candidates);
  }
  bool begin_wait_episodes(const Candidates& candidates, const Timing& timing) {
    return holdwatch::begin_wait_episodes(context(timing), candidates);
  }
  void report_all_holds(const Timing& timing) {
    begin_cycles(timing);
    holdwatch::report_all_holds(context(timing));
  }
  LockList& list_locks(const Timing& timing, uint64_t least_ns) {
    return holdwatch::list_locks(context(timing), least_ns);
  }

  bool stuck_summary_needs_reporter(const Timing& timing) { return needs_reporter(context(timing)); }
  void append_stuck_summary(const Timing& timing, TextBuffer& out) {
    holdwatch::append_stuck_summary(context(timing), out);
  }

  Episodes& episodes() { return episodes_; }
  ReportedLocks reported_locks() {
    const auto contain = [](void* episodes, uintptr_t lock) {
      auto& all = *static_cast<Episodes*>(episodes);
      return all.has_hold_or_cycle(lock) || all.is_reported_stuck(lock);
    };
    return {contain, &episodes_};
  }
  // Holds that other reports explain.
  BehindHolds& behind_holds() { return behind_; }
  // The lock index, for code that looks up locks in the records before the keeper does.
  LockIndex& lock_index() { return reader_.lock_index(); }

 private:
  EpisodeContext context(const Timing& timing) { return {episodes_, reader_, trees_, behind_, rules_, timing}; }

  ReportRules rules_;
  WaitTrees trees_;
  BehindHolds behind_;
  EpisodeFollower follower_;
  CycleSearch cycle_search_;
  uint64_t search_due_ns_ = 0;
  Episodes episodes_;
  EpisodeReader reader_;
};

}  // namespace holdwatch
