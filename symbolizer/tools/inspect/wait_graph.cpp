// See wait_graph.h.
#include "symbolizer/tools/inspect/wait_graph.h"

#include <algorithm>
#include <set>

namespace holdwatch {

WaitGraph::WaitGraph(const std::vector<std::vector<int>>& holders) {
  for (const std::vector<int>& threads : holders) add_object(threads);
}

size_t WaitGraph::add_object(const std::vector<int>& holders) {
  for (const int tid : holders) holds_.push_back({objects_, tid});
  return objects_++;
}

void WaitGraph::add_wait(int tid, size_t lock) {
  const auto at =
      std::lower_bound(waits_.begin(), waits_.end(), tid, [](const Wait& wait, int other) { return wait.tid < other; });
  if (at != waits_.end() && at->tid == tid)
    at->lock = lock;
  else
    waits_.insert(at, {tid, lock, {}});
}

const size_t* WaitGraph::lock_waited_for(int tid) const {
  const auto at =
      std::lower_bound(waits_.begin(), waits_.end(), tid, [](const Wait& wait, int other) { return wait.tid < other; });
  return at == waits_.end() || at->tid != tid ? nullptr : &at->lock;
}

std::vector<std::vector<int>> WaitGraph::cycles() const {
  std::vector<Wait> waits = waits_;
  std::vector<std::vector<int>> found;
  WaitCycles search(waits.data(), waits.size(), holds_.data(), holds_.size());
  search.find([&](const auto& cycle) {
    std::vector<int> threads;
    cycle.for_each_backwards([&](const Hold& hold) { threads.push_back(hold.tid); });
    found.emplace_back(threads.rbegin(), threads.rend());
  });
  return found;
}

std::vector<int> WaitGraph::chain(size_t lock) const {
  const WaitPaths<const Wait, Hold> paths(waits_.data(), waits_.size(), holds_.data(), holds_.size());
  std::vector<int> threads;
  std::set<int> met;
  for (const size_t* next = &lock; next != nullptr;) {
    const uint32_t hold = paths.chosen_hold_of(*next, is_better);
    if (hold == PathStep::kNone) break;
    threads.push_back(holds_[hold].tid);
    if (!met.insert(threads.back()).second) break;
    next = lock_waited_for(threads.back());
  }
  return threads;
}

}  // namespace holdwatch
