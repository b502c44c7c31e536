// Which recorded waits are behind which holds: each wait leads to a holder of what is waited for, that thread's own wait
// to the next one, up to the root.
// Cold context (watcher). Of threads whose hold may need no report it reads the lock and the system call; disturbs none.
#pragma once

#include <cstddef>
#include <cstdint>

#include "shim/common/waits/wait_paths.h"
#include "shim/handoff/behind.h"
#include "shim/inspection/lock_state.h"
#include "shim/timing/timing.h"
#include "shim/watch/cycle_search.h"

namespace holdwatch {

// What takes system calls is found out once at each wake-up.
enum class Known : uint8_t { no_one_asked, yes, no };

// A hold that another thread may wait for; without a lock, the life of a thread that another one joins.
struct TreeHold {
  LockWord lock;
  int tid;
  Identity identity;
  uint64_t since_ns;
  mutable Known is_soon_over = Known::no_one_asked;

  static constexpr int kUnknownThreads =
      0;  // as `tid`: readers of whom nothing is known; `since_ns` is that of the first wait for them

  bool is_of_unknown() const { return tid == kUnknownThreads; }
  bool is_life() const { return lock.empty(); }
  uint64_t lock_key() const { return is_life() ? key_of_end(tid) : lock.address(); }
};

// Of the holds on a path that are soon over their limits, the nearest one and the one nearest to the root; null if there is none.
struct OverdueOnPath {
  bool is_known;
  const TreeHold* first;
  const TreeHold* root;
  bool joins_root;  // the way leads to the end of its thread, not to its lock
};

struct TreeWait {
  int tid;
  LockWord lock;
  int joined;         // if it waits for no lock
  Identity identity;  // of a join: its record, and its state instead of a slot's number
  uint64_t since_ns;
  PathStep path;
  uint32_t holds;  // the oldest hold of the thread that is soon over a limit, or PathStep::kNone
  mutable Known is_certain = Known::no_one_asked;
  // What has been found out about the path from here on, so that a chain of thousands is not walked once for each of its threads.
  mutable OverdueOnPath overdue = {};
  mutable uint32_t behind = 0;  // while that is found out: the wait from which the path came
  mutable uint32_t goal = 0;    // the latest goal that was asked about, and whether the path leads there
  mutable bool leads_to_goal = false;
  mutable uint64_t behind_since_ns = 0;  // then: the latest beginning of a wait on the way there, this one's included

  bool is_join() const { return lock.empty(); }
  // It has been woken from a condition wait, since when is not known, and waits for its mutex.
  bool is_taking_back() const { return lock.condition(); }
  uint64_t lock_key() const { return is_join() ? key_of_end(joined) : lock.address(); }
};

// When the oldest of these holds began, at the latest; 0 if the beginning of one was not seen, as of what is from before an
// attachment: it may have begun long before it was found.
uint64_t held_since_ns(const HolderState* holders, size_t count, const Timing& timing);

// What those who are behind an episode wait for at last: its lock, or the end of one of these holders. Of a cycle: a lock that
// one of these holders has, or its end.
struct WaitGoal {
  LockWord lock;
  const HolderState* holders;
  size_t count;
  bool is_cycle = false;

  bool is_lock_of(const TreeWait& wait) const;
  bool is_met_by(const TreeWait& wait) const;
  bool is_part_of_cycle(int tid) const;
};

class WaitTrees {
 public:
  static constexpr size_t kMaxWaits = 16 * 1024;
  static constexpr size_t kMaxHolds = 8192;

  static constexpr uint64_t kSoon = 8;  // a hold is soon over its limit when an eighth of it is left

  // The waits and holds of one moment are added (tree_reading), and then their paths are found.
  void clear(uint64_t now_ns, uint64_t newest_ns) {
    read_ns_ = now_ns;
    newest_ns_ = newest_ns;
    wait_count_ = hold_count_ = 0;
  }
  // False if there is no room.
  bool add_wait(const TreeWait& wait);
  bool add_hold(const TreeHold& hold);
  void find_paths();

  bool is_of(uint64_t now_ns) const { return read_ns_ == now_ns; }
  bool is_old(uint64_t since_ns) const { return since_ns <= newest_ns_; }
  bool has_wait_of(int tid) const;  // before find_paths
  // Whether another thread has the lock. Before find_paths.
  bool is_held_by_another(LockWord lock, int tid) const;
  void reset() { read_ns_ = 0; }

  // What keeps a thread waiting.
  struct Blocker {
    TreeHold root;  // of the holds on the way that are, or soon will be, over their limits, the one nearest to the root
    TreeHold first;     // the first of them
    bool joins_root;    // the way leads to the end of the root's thread, not to its lock
    uint64_t since_ns;  // when the thread's own wait began
  };
  // Calls `visit(hold)` for each hold of a waiting thread that is soon over a limit.
  template <typename Visit>
  void for_each_hold_of_waiting(Visit visit) const {
    for (size_t i = 0; i < hold_count_; ++i) {
      const TreeHold& hold = holds_[i];
      if (hold.is_life() || hold.since_ns > newest_ns_ || paths().wait_of(hold.tid) == PathStep::kNone) continue;
      visit(hold);
    }
  }
  // Calls `visit(wait)` for each wait.
  template <typename Visit>
  void for_each_wait(Visit visit) const {
    for (size_t i = 0; i < wait_count_; ++i) visit(waits_[i]);
  }
  // False if the thread does not wait for such a hold, or if that is not certain: it may have left the lock call, or wait
  // in a circle.
  bool find_blocker(int tid, const Timing& timing, Blocker* out) const;
  // The same for a thread that waits in a circle, or for one that does: the first hold on the way for which `is_known(hold)`.
  template <typename IsKnown>
  bool find_in_circle(int tid, const Timing& timing, IsKnown is_known, Blocker* out) const {
    constexpr uint32_t kMaxSteps = 256;  // of a longer way it is not known
    const uint32_t start = paths().wait_of(tid);
    if (start == PathStep::kNone || waits_[start].path.last != PathStep::kNone) return false;
    for (uint32_t at = start, steps = 0; steps < kMaxSteps && leads_on(waits_[at]);
         at = waits_[at].path.next, ++steps) {
      const TreeHold& hold = holds_[waits_[at].path.hold];
      if (!is_known(hold)) continue;
      *out = {hold, hold, hold.is_life(), began_ns(waits_[start], timing)};
      return true;
    }
    return false;
  }

  // Calls `visit(wait)` for each wait that leads there; once, if in several ways. Of a cycle's own threads for none. Its
  // `behind_since_ns` is the time since when it surely does.
  template <typename Visit>
  void for_each_behind(const WaitGoal& goal, const Timing& timing, Visit visit) const {
    ++goals_;
    for (uint32_t i = 0; i < wait_count_; ++i)
      if (!goal.is_part_of_cycle(waits_[i].tid) && leads_to(i, goal, timing)) visit(waits_[i]);
  }
  // The same, described; valid until the next call. Of a lock with several holders, those who wait for it or are behind one of them,
  // the front: who joins another one waits for that one alone.
  const Behind& describe_behind(const WaitGoal& goal, const Timing& timing);

 private:
  const HolderState* front_of(const WaitGoal& goal, const Timing& timing) const;
  static bool leads_on(const TreeWait& wait);
  uint64_t began_ns(const TreeWait& wait, const Timing& timing) const;
  bool leads_to(uint32_t start, const WaitGoal& goal, const Timing& timing) const;
  WaitPaths<const TreeWait, TreeHold> paths() const { return {waits_, wait_count_, holds_, hold_count_}; }
  OverdueOnPath overdue_on_path(uint32_t start, const Timing& timing) const;
  const TreeHold* overdue_hold_of(const TreeHold& hold, const Timing& timing) const;
  bool is_farther(const TreeWait& wait, const TreeWait& other) const;
  uint64_t waited_on_way_ns(int holder, const Timing& timing) const;
  void describe_way(const WaitGoal& goal, const TreeWait* farthest, const Timing& timing);
  void add_chain(const TreeWait& farthest, const WaitGoal& goal, const Timing& timing);
  void add_step(size_t index, uint32_t hold, const TreeWait& wait, const Timing& timing);

  uint64_t read_ns_ = 0;
  uint64_t newest_ns_ = 0;          // holds that began later are not soon over a limit
  TreeWait waits_[kMaxWaits] = {};  // by thread
  size_t wait_count_ = 0;
  TreeHold holds_[kMaxHolds] = {};  // by lock
  size_t hold_count_ = 0;
  Behind behind_ = {};
  mutable uint32_t goals_ = 0;
};

}  // namespace holdwatch
