// See wait_graph.h.
#include "symbolizer/tools/inspect/wait_graph.h"

#include <algorithm>

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

int WaitGraph::holder_on_way(size_t lock) const {
  const WaitPaths<const Wait, Hold> paths(waits_.data(), waits_.size(), holds_.data(), holds_.size());
  const uint32_t hold =
      paths.chosen_hold_of(lock, [this](const Hold& one, bool waits, const Hold& other, bool other_waits) {
        const bool is_first = first_.contains(one.tid), other_is_first = first_.contains(other.tid);
        return is_first != other_is_first ? is_first : !waits && other_waits;
      });
  return hold == PathStep::kNone ? kNobody : holds_[hold].tid;
}

std::vector<int> WaitGraph::chain(size_t lock) const {
  std::vector<int> threads;
  std::set<int> met;
  for (const size_t* next = &lock; next != nullptr;) {
    const int holder = holder_on_way(*next);
    if (holder == kNobody) break;
    threads.push_back(holder);
    if (!met.insert(holder).second) break;
    next = lock_waited_for(holder);
  }
  return threads;
}

}  // namespace holdwatch
