// See lock_rows.h.
#include "symbolizer/tools/top/lock_rows.h"

#include <algorithm>
#include <map>
#include <tuple>

namespace holdwatch::top {
namespace {

class RowMaker {
 public:
  explicit RowMaker(const LockList& list) : list_(list) {}

  std::vector<Row> run() {
    for (uint32_t i = 0; i < list_.lock_count; ++i) add_lock(list_.locks[i]);
    for (Row& row : rows_) find_parent(row);
    for (size_t i = 0; i < rows_.size(); ++i) rows_[i].in_circle = leads_back_to(i);
    for (Row& row : rows_)
      if (row.in_circle) row.parent.reset();
    for (size_t i = 0; i < rows_.size(); ++i)
      if (rows_[i].parent) children_[*rows_[i].parent].push_back(i);
    for (Row& row : rows_) add_up(row);
    return std::move(rows_);
  }

 private:
  void add_lock(const ListedLock& lock);
  void find_parent(Row& row) const;
  bool leads_back_to(size_t start) const;
  void add_up(Row& row) const;
  void add_waits(const Row& of, uint64_t at_most_ns, Row& sum, bool is_behind) const;

  const LockList& list_;
  std::vector<Row> rows_;
  std::map<int, std::pair<size_t, const ListedWait*>> waits_by_tid_;  // with the row of the lock
  std::map<size_t, std::vector<size_t>> children_;
};

void RowMaker::add_lock(const ListedLock& lock) {
  Row row;
  row.lock = &lock;
  for (uint32_t i = 0; i < lock.hold_count; ++i) row.holds.push_back(&list_.holds[lock.first_hold + i]);
  for (uint32_t i = 0; i < lock.wait_count; ++i) {
    row.waits.push_back(&list_.waits[lock.first_wait + i]);
    waits_by_tid_[row.waits.back()->tid] = {rows_.size(), row.waits.back()};
  }
  std::stable_sort(row.waits.begin(), row.waits.end(),
                   [](const ListedWait* a, const ListedWait* b) { return a->waited_ns > b->waited_ns; });
  row.waiting = row.waits.size() + lock.waits_left_out;
  row.longest_wait_ns = row.waits.empty() ? 0 : row.waits.front()->waited_ns;
  rows_.push_back(std::move(row));
}

// Of several holders one that does not wait itself, or else the oldest, keeps the others waiting.
void RowMaker::find_parent(Row& row) const {
  if (row.holds.empty()) return;
  // The numbers of threads of other processes may be those of threads here.
  const auto wait_of = [this](const ListedHold& hold) {
    const bool is_here = hold.acquired != Acquired::elsewhere && !hold.gone;
    return is_here ? waits_by_tid_.find(hold.tid) : waits_by_tid_.end();
  };
  std::stable_sort(row.holds.begin(), row.holds.end(), [&](const ListedHold* a, const ListedHold* b) {
    const bool a_waits = wait_of(*a) != waits_by_tid_.end(), b_waits = wait_of(*b) != waits_by_tid_.end();
    return a_waits != b_waits ? b_waits : a->held_ns > b->held_ns;
  });
  row.held_ns = row.holds.front()->held_ns;
  const auto wait = wait_of(*row.holds.front());
  if (wait == waits_by_tid_.end()) return;
  row.parent = wait->second.first;
  row.holder_wait = wait->second.second;
}

bool RowMaker::leads_back_to(size_t start) const {
  std::optional<size_t> at = rows_[start].parent;
  for (size_t steps = 0; at && *at != start && steps < rows_.size(); ++steps) at = rows_[*at].parent;
  return at == start;
}

// A thread has been behind a lock only since both began: its own wait, and each wait on the way.
void RowMaker::add_waits(const Row& of, uint64_t at_most_ns, Row& sum, bool is_behind) const {
  if (is_behind) sum.behind += of.waiting;
  for (const ListedWait* wait : of.waits) sum.lost_ns += std::min(wait->waited_ns, at_most_ns);
  const auto children = children_.find(static_cast<size_t>(&of - rows_.data()));
  if (children == children_.end()) return;
  for (const size_t child : children->second)
    add_waits(rows_[child], std::min(at_most_ns, rows_[child].holder_wait->waited_ns), sum, true);
}

void RowMaker::add_up(Row& row) const {
  const bool began_unseen = row.holder() == nullptr || row.holder()->site_count == 0;
  add_waits(row, began_unseen ? UINT64_MAX : row.held_ns, row, false);
}

uint64_t value_of(const Row& row, Order order) {
  switch (order) {
    case Order::held:
      return row.held_ns;
    case Order::waiters:
      return row.waiting + row.behind;
    case Order::longest:
      return row.longest_wait_ns;
    case Order::roots:
    case Order::lost:
      return row.lost_ns;
  }
  return 0;
}

// Equal ones stay in the order of their ids, so that rows do not change places from one look to the next.
auto rank(const Row& row, Order order) {
  const bool is_first = order == Order::roots && row.lock->in_deadlock;
  return std::tuple(!is_first, UINT64_MAX - value_of(row, order), UINT64_MAX - row.held_ns, row.lock->id);
}

void add_below(const std::vector<Row>& rows, const std::vector<size_t>& ranked, std::optional<size_t> parent,
               size_t depth, std::vector<Place>& out) {
  for (const size_t row : ranked) {
    if (rows[row].parent != parent) continue;
    out.push_back({row, depth});
    add_below(rows, ranked, row, depth + 1, out);
  }
}

}  // namespace

std::vector<Row> rows_of(const LockList& list) {
  return RowMaker(list).run();
}

std::vector<Place> places_of(const std::vector<Row>& rows, Order order) {
  std::vector<size_t> ranked(rows.size());
  for (size_t i = 0; i < rows.size(); ++i) ranked[i] = i;
  std::sort(ranked.begin(), ranked.end(),
            [&](size_t a, size_t b) { return rank(rows[a], order) < rank(rows[b], order); });
  std::vector<Place> places;
  if (order == Order::roots) {
    add_below(rows, ranked, std::nullopt, 0, places);
  } else {
    for (const size_t row : ranked) places.push_back({row, 0});
  }
  return places;
}

Totals totals_of(const LockList& list, const std::vector<Row>& rows) {
  Totals totals;
  totals.locks_left_out = list.locks_left_out;
  for (const Row& row : rows) {
    totals.over_limit += row.is_over_limit() ? size_t{1} : 0;
    totals.deadlocked += row.lock->in_deadlock ? size_t{1} : 0;
    totals.waiting += row.waiting;
    for (const ListedWait* wait : row.waits) totals.lost_ns += wait->waited_ns;
    for (const ListedHold* hold : row.holds)
      if (hold->limit_ns != 0 && (totals.limit_ns == 0 || hold->limit_ns < totals.limit_ns))
        totals.limit_ns = hold->limit_ns;
  }
  return totals;
}

}  // namespace holdwatch::top
