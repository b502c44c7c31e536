// See report_trees.h.
#include "symbolizer/tools/inspect/report_trees.h"

#include <algorithm>

namespace holdwatch {

ReportTrees::ReportTrees(const WaitGraph& graph, size_t lock_count, const std::vector<std::vector<size_t>>& deadlocks)
    : lock_count_(lock_count) {
  for (size_t i = 0; i < deadlocks.size(); ++i)
    for (const size_t object : deadlocks[i]) deadlock_of_[object] = i;
  graph.for_each_wait([this](int tid, size_t object) {
    waits_[tid].object = object;
    waiter_of_[object] = tid;
  });
  for (const auto& [tid, wait] : waits_) find_end(tid, graph);
  group_by_end();
}

// Up the way, to its end or to what is known of it already, and back.
void ReportTrees::find_end(int start, const WaitGraph& graph) {
  std::vector<Wait*> way;
  End end;
  size_t distance = 0;
  for (int tid = start;;) {
    const auto found = waits_.find(tid);
    if (found == waits_.end()) break;
    Wait& wait = found->second;
    if (wait.state == Wait::State::done) {
      end = wait.end;
      distance = wait.distance;
      break;
    }
    if (wait.state == Wait::State::on_way) {
      end = {Kind::circle, 0};
      break;
    }
    wait.state = Wait::State::on_way;
    way.push_back(&wait);
    const auto deadlock = deadlock_of_.find(wait.object);
    if (deadlock != deadlock_of_.end()) {
      end = {Kind::deadlock, deadlock->second};
      break;
    }
    const int next = graph.holder_on_way(wait.object);
    if (next == WaitGraph::kNobody) break;
    next_[tid] = next;
    tid = next;
  }
  for (auto wait = way.rbegin(); wait != way.rend(); ++wait) {
    if (end.kind == Kind::unknown && (*wait)->object < lock_count_) end = {Kind::lock, (*wait)->object};
    if (end.kind != Kind::unknown) ++distance;
    (*wait)->end = end;
    (*wait)->distance = distance;
    (*wait)->state = Wait::State::done;
  }
}

bool ReportTrees::is_explained(size_t lock) const {
  const auto waiter = waiter_of_.find(lock);
  if (waiter == waiter_of_.end()) return false;
  const End& end = waits_.at(waiter->second).end;
  return end.kind == Kind::deadlock || (end.kind == Kind::lock && end.number != lock);
}

void ReportTrees::group_by_end() {
  std::map<End, int> farthest;
  for (const auto& [tid, wait] : waits_) {
    if (wait.distance < 2) continue;
    behind_[wait.end].threads.push_back(tid);
    const int known = farthest.try_emplace(wait.end, tid).first->second;
    if (wait.distance > waits_.at(known).distance) farthest[wait.end] = tid;
  }
  for (const auto& [end, tid] : farthest) {
    std::vector<int>& way = behind_[end].way;
    way.push_back(tid);
    while (waits_.at(way.back()).distance > 1) way.push_back(next_.at(way.back()));
    std::reverse(way.begin(), way.end());
  }
}

ReportTrees::Behind ReportTrees::behind(const End& end) const {
  const auto found = behind_.find(end);
  return found == behind_.end() ? Behind{} : found->second;
}

}  // namespace holdwatch
