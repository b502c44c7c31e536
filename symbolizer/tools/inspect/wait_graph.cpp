// See wait_graph.h.
#include "symbolizer/tools/inspect/wait_graph.h"

#include <algorithm>
#include <set>

namespace holdwatch {
namespace {

// A thread on the way of the search, the lock that it waits for, and which of that lock's holders is to be tried next.
struct Step {
  int tid;
  size_t lock;
  size_t next = 0;
};

std::vector<int> cycle_from(const std::vector<Step>& way, int tid) {
  std::vector<int> cycle;
  const auto first = std::find_if(way.begin(), way.end(), [tid](const Step& step) { return step.tid == tid; });
  for (auto step = first; step != way.end(); ++step) cycle.push_back(step->tid);
  return cycle;
}

}  // namespace

const size_t* WaitGraph::lock_waited_for(int tid) const {
  const auto found = waits_.find(tid);
  return found == waits_.end() ? nullptr : &found->second;
}

// Depth first, without recursion: a chain may be as long as there are threads.
std::vector<std::vector<int>> WaitGraph::cycles() const {
  std::vector<std::vector<int>> found;
  std::set<int> done, on_way;
  for (const auto& [start, lock] : waits_) {
    std::vector<Step> way;
    const auto enter = [&](int tid) {
      const size_t* wanted = lock_waited_for(tid);
      if (wanted == nullptr || done.contains(tid)) return;
      if (on_way.insert(tid).second) {
        way.push_back({tid, *wanted});
      } else {
        found.push_back(cycle_from(way, tid));
      }
    };
    enter(start);
    while (!way.empty()) {
      const std::vector<int>& holders = holders_[way.back().lock];
      if (way.back().next < holders.size()) {
        enter(holders[way.back().next++]);
        continue;
      }
      done.insert(way.back().tid);
      on_way.erase(way.back().tid);
      way.pop_back();
    }
  }
  return found;
}

std::vector<int> WaitGraph::chain(size_t lock) const {
  std::vector<int> threads;
  std::set<int> met;
  for (const size_t* next = &lock; next != nullptr && !holders_[*next].empty();) {
    const std::vector<int>& holders = holders_[*next];
    const auto waiting =
        std::find_if(holders.begin(), holders.end(), [this](int tid) { return lock_waited_for(tid) != nullptr; });
    const int tid = waiting == holders.end() ? holders.front() : *waiting;
    threads.push_back(tid);
    if (!met.insert(tid).second) break;
    next = lock_waited_for(tid);
  }
  return threads;
}

}  // namespace holdwatch
