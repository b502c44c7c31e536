// See wait_trees.h.
//
// A thread that joins another one and holds nothing is left out: a main thread that joins its workers costs nothing, and
// is no victim of what they wait for.
#include "shim/watch/wait_trees.h"

#include <algorithm>

#include "shim/inspection/blocked_thread.h"
#include "shim/inspection/inferred_holds.h"
#include "shim/inspection/joined_thread.h"
#include "shim/inspection/ownership.h"
#include "shim/record/thread_table.h"
#include "shim/record/view_walk.h"

namespace holdwatch {
namespace {

constexpr uint64_t kSoon = 8;  // a hold is soon over its limit when an eighth of it is left

template <typename Ask>
bool remember(Known& known, Ask ask) {
  if (known == Known::no_one_asked) known = ask() ? Known::yes : Known::no;
  return known == Known::yes;
}

// The join or lock call is one that the thread really is in.
bool is_certain(const TreeWait& wait) {
  if (wait.is_join()) return true;  // seen when it was read
  return remember(wait.is_certain, [&] {
    WaitView view;
    return view_wait(wait.identity.record, &view) && view.identity == wait.identity &&
           is_blocked_for(view) != Blocked::no;
  });
}

uint64_t waited_ns(const TreeWait& wait, const Timing& timing) {
  return age_ns(timing.latest_ns(wait.since_ns), timing.now_ns());
}

bool is_soon_over(const TreeHold& hold, const Timing& timing) {
  return remember(hold.is_soon_over, [&] {
    const uint64_t limit_ns = timing.limits().of(hold.lock);
    const uint64_t hold_age_ns = age_ns(timing.latest_ns(hold.since_ns), timing.now_ns());
    return limit_ns != kNoLimit && is_over(hold_age_ns + limit_ns / kSoon, limit_ns) &&
           confirm_ownership(hold.lock, hold.tid) != Ownership::refuted;
  });
}

}  // namespace

void WaitTrees::read(const Timing& timing) {
  if (read_ns_ == timing.now_ns()) return;
  read_ns_ = timing.now_ns();
  wait_count_ = hold_count_ = joined_count_ = 0;
  const uint64_t limit_ns = timing.limits().smallest_of_holds_ns();
  if (limit_ns == UINT64_MAX) return;
  newest_ns_ = age_ns(limit_ns - limit_ns / kSoon, read_ns_);
  const bool any_inferred = has_inferred();
  for_each_record([&](uint32_t index, const ThreadRecord&) { read_record(index, any_inferred); });
  if (joined_count_ > 0) read_joined(0);
  find_paths();
}

// Of a thread that does not wait, only holds that are soon over a limit matter. An inferred hold is in another record than
// what its thread has done since.
void WaitTrees::read_record(uint32_t index, bool any_inferred) {
  const ThreadRecord& record = *record_at(index);
  const bool is_live = record.state.load(std::memory_order_acquire) == RecordState::live;
  const bool waits_for_lock = is_live && record.waiting() != nullptr && read_wait(index);
  bool is_first = true, is_joining = false;
  for_each_used_slot(record, [&](uint32_t position, const HeldSlot& slot, LockWord) {
    const uint64_t number = slot.number.load(std::memory_order_acquire);
    const uint64_t since_ns = slot.since_ns.load(std::memory_order_acquire);
    const LockWord word(slot.word.load(std::memory_order_acquire));
    if (!word.is_hold() || hold_count_ == kMaxHolds) return;
    if (is_first && is_live && !waits_for_lock) is_joining = read_join(index);
    is_first = false;
    if (!waits_for_lock && !is_joining && !any_inferred && since_ns > newest_ns_) return;
    holds_[hold_count_++] = {word, record.tid.load(std::memory_order_acquire), {index, position, number}, since_ns};
  });
}

bool WaitTrees::read_wait(uint32_t index) {
  WaitView wait;
  if (!view_wait(index, &wait) || wait.word.condition()) return false;
  if (wait_count_ < kMaxWaits)
    waits_[wait_count_++] = {wait.tid, wait.word, 0, wait.identity, wait.since_ns, {}, PathStep::kNone};
  return true;
}

bool WaitTrees::read_join(uint32_t index) {
  JoinView join;
  if (joined_count_ == kMaxJoined || wait_count_ == kMaxWaits || !view_join(index, &join)) return false;
  const int tid = joined_thread(join);
  if (tid == 0 || tid == join.tid) return false;
  waits_[wait_count_++] = {join.tid, {}, tid, {index, 0, join.state}, join.since_ns, {}, PathStep::kNone};
  joined_[joined_count_++] = tid;
  return true;
}

// The threads that are joined, from this one on: their lives, and which of them join others in turn.
void WaitTrees::read_joined(size_t from) {
  const size_t end = joined_count_;
  for_each_record([&](uint32_t index, const ThreadRecord& record) {
    const int tid = record.tid.load(std::memory_order_acquire);
    if (record.state.load(std::memory_order_acquire) != RecordState::live ||
        std::find(joined_ + from, joined_ + end, tid) == joined_ + end || hold_count_ == kMaxHolds)
      return;
    holds_[hold_count_++] = {{}, tid, {index, 0, 0}, 0};
    const bool waits =
        std::any_of(waits_, waits_ + wait_count_, [tid](const TreeWait& wait) { return wait.tid == tid; });
    if (!waits) read_join(index);
  });
  if (joined_count_ > end) read_joined(end);
}

// Of several holders, one that is soon over its limit and waits for nobody, or else the oldest, is the one to blame.
void WaitTrees::find_paths() {
  std::sort(waits_, waits_ + wait_count_, [](const TreeWait& a, const TreeWait& b) { return a.tid < b.tid; });
  std::sort(holds_, holds_ + hold_count_, [](const TreeHold& a, const TreeHold& b) {
    return a.lock_key() != b.lock_key() ? a.lock_key() < b.lock_key() : a.tid < b.tid;
  });
  WaitPaths<TreeWait, TreeHold> paths(waits_, wait_count_, holds_, hold_count_);
  paths.find([this](const TreeHold& one, bool waits, const TreeHold& other, bool other_waits) {
    const bool is_old = one.since_ns <= newest_ns_, other_is_old = other.since_ns <= newest_ns_;
    if (is_old != other_is_old) return is_old;
    return waits != other_waits ? !waits : one.since_ns < other.since_ns;
  });
  for (uint32_t i = 0; i < hold_count_; ++i) {
    const uint32_t wait = paths.wait_of(holds_[i].tid);
    if (wait == PathStep::kNone || holds_[i].is_life() || holds_[i].since_ns > newest_ns_) continue;
    uint32_t& oldest = waits_[wait].holds;
    if (oldest == PathStep::kNone || holds_[i].since_ns < holds_[oldest].since_ns) oldest = i;
  }
}

// The hold itself; of a thread that is joined, its oldest. Null if it is not soon over its limit.
const TreeHold* WaitTrees::overdue_hold_of(const TreeHold& hold, const Timing& timing) const {
  if (!hold.is_life()) return is_soon_over(hold, timing) ? &hold : nullptr;
  const TreeHold* oldest = nullptr;
  for (size_t i = 0; i < hold_count_; ++i) {
    const TreeHold& other = holds_[i];
    if (other.tid != hold.tid || other.is_life() || (oldest != nullptr && oldest->since_ns <= other.since_ns)) continue;
    if (is_soon_over(other, timing)) oldest = &other;
  }
  return oldest;
}

bool WaitTrees::find_blocker(int tid, const Timing& timing, Blocker* out) const {
  uint32_t at = paths().wait_of(tid);
  if (at == PathStep::kNone || waits_[at].path.last == PathStep::kNone) return false;
  out->since_ns = timing.latest_ns(waits_[at].since_ns);
  bool any = false;
  for (; at != PathStep::kNone && waits_[at].path.hold != PathStep::kNone; at = waits_[at].path.next) {
    if (!is_certain(waits_[at])) break;
    const TreeHold* const hold = overdue_hold_of(holds_[waits_[at].path.hold], timing);
    if (hold == nullptr) continue;
    if (!any) out->first = *hold;
    out->root = *hold;
    any = true;
  }
  return any;
}

bool WaitTrees::leads_to(const TreeWait& wait, uint64_t key) const {
  if (wait.path.last == PathStep::kNone) return false;
  for (const TreeWait* at = &wait; at->lock_key() != key; at = &waits_[at->path.next])
    if (at->path.next == PathStep::kNone) return false;
  return true;
}

// The way to it is longer; a thread counts as a part of that if it holds something itself.
bool WaitTrees::is_farther(const TreeWait& wait, const TreeWait& other) const {
  const auto steps = [](const TreeWait& one) { return one.path.length + (one.holds == PathStep::kNone ? 0 : 1); };
  return steps(wait) != steps(other) ? steps(wait) > steps(other) : wait.since_ns < other.since_ns;
}

const Behind& WaitTrees::describe_behind(LockWord lock, const HolderState* holders, size_t count,
                                         const Timing& timing) {
  behind_.threads = behind_.step_count = behind_.steps_left_out = 0;
  behind_.longest_ns = 0;
  const TreeWait* farthest = nullptr;
  for_each_behind(lock, holders, count, [&](const TreeWait& wait) {
    if (farthest == nullptr || is_farther(wait, *farthest)) farthest = &wait;
    if (wait.lock_key() == lock.address()) return;
    ++behind_.threads;
    behind_.longest_ns = std::max(behind_.longest_ns, waited_ns(wait, timing));
  });
  if (farthest != nullptr) add_chain(*farthest, lock.address(), timing);
  return behind_;
}

void WaitTrees::add_step(size_t index, uint32_t hold, const TreeWait& wait, const Timing& timing) {
  if (index >= Behind::kMaxSteps) return;
  behind_.steps[index] = {holds_[hold].lock, wait.tid, wait.lock, wait.joined, wait.identity, waited_ns(wait, timing)};
}

// The threads between this waiting one and the lock, or a thread's end; itself only if it holds something.
void WaitTrees::add_chain(const TreeWait& farthest, uint64_t key, const Timing& timing) {
  const bool is_part = farthest.holds != PathStep::kNone;
  size_t length = is_part ? 1 : 0;
  const auto goes_on = [&](const TreeWait& at) { return at.lock_key() != key && at.path.next != PathStep::kNone; };
  for (const TreeWait* at = &farthest; goes_on(*at); at = &waits_[at->path.next]) ++length;
  behind_.step_count = std::min(length, Behind::kMaxSteps);
  behind_.steps_left_out = length - behind_.step_count;
  if (is_part) add_step(--length, farthest.holds, farthest, timing);
  for (const TreeWait* at = &farthest; length > 0; at = &waits_[at->path.next])
    add_step(--length, at->path.hold, waits_[at->path.next], timing);
}

}  // namespace holdwatch
