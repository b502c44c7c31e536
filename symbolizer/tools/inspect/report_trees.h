// Which of the locks that are waited for get a report: one for each tree of waiting threads, about the root's lock, or the
// lock nearest to the root. The report says who else is behind it; what these hold is not reported again.
// Pure: numbers in, numbers out.
#pragma once

#include <compare>
#include <cstddef>
#include <map>
#include <vector>

#include "symbolizer/tools/inspect/wait_graph.h"

namespace holdwatch {

class ReportTrees {
 public:
  // Of the graph's objects, the first `lock_count` are locks, about which a report can be. `deadlocks`: the objects of each.
  ReportTrees(const WaitGraph& graph, size_t lock_count, const std::vector<std::vector<size_t>>& deadlocks);

  // Whether the report about another lock, or a deadlock, says why the lock's waiters wait.
  bool is_explained(size_t lock) const;

  struct Behind {
    std::vector<int> threads;  // without those who wait for the lock, or one of the deadlock's, themselves
    std::vector<int> way;      // from one that does to the one that is farthest behind; empty: all do
  };
  Behind behind_lock(size_t lock) const { return behind({Kind::lock, lock}); }
  Behind behind_deadlock(size_t number) const { return behind({Kind::deadlock, number}); }

 private:
  // What a thread waits for in the end. circle: threads that wait for one another, but not forever.
  enum class Kind { unknown, lock, deadlock, circle };
  struct End {
    Kind kind = Kind::unknown;
    size_t number = 0;
    auto operator<=>(const End&) const = default;
  };
  struct Wait {
    size_t object;
    enum class State { untried, on_way, done } state = State::untried;
    End end;
    size_t distance = 0;  // 1: it waits for that itself
  };

  void find_end(int tid, const WaitGraph& graph);
  Behind behind(const End& end) const;
  void group_by_end();

  size_t lock_count_;
  std::map<size_t, size_t> deadlock_of_;  // by object
  std::map<int, Wait> waits_;             // by thread
  std::map<size_t, int> waiter_of_;       // of each object one; all of them wait for the same in the end
  std::map<int, int> next_;               // for whom a thread waits
  std::map<End, Behind> behind_;
};

}  // namespace holdwatch
