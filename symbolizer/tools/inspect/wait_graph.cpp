// See wait_graph.h.
#include "symbolizer/tools/inspect/wait_graph.h"

#include <algorithm>
#include <set>

#include "shim/common/waits/wait_cycles.h"

namespace holdwatch {
namespace {

struct Wait {
  int tid;
  size_t lock;
  SearchStep step;

  uint64_t lock_key() const { return lock; }
};

struct Hold {
  size_t lock;
  int tid;

  uint64_t lock_key() const { return lock; }
};

}  // namespace

const size_t* WaitGraph::lock_waited_for(int tid) const {
  const auto found = waits_.find(tid);
  return found == waits_.end() ? nullptr : &found->second;
}

std::vector<std::vector<int>> WaitGraph::cycles() const {
  std::vector<Wait> waits;
  for (const auto& [tid, lock] : waits_) waits.push_back({tid, lock, {}});
  std::vector<Hold> holds;
  for (size_t lock = 0; lock < holders_.size(); ++lock)
    for (const int tid : holders_[lock]) holds.push_back({lock, tid});
  std::vector<std::vector<int>> found;
  WaitCycles search(waits.data(), waits.size(), holds.data(), holds.size());
  search.find([&](const auto& cycle) {
    std::vector<int> threads;
    cycle.for_each_backwards([&](const Hold& hold) { threads.push_back(hold.tid); });
    found.emplace_back(threads.rbegin(), threads.rend());
  });
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
