// See tree_reading.h.
//
// A thread that joins another one and holds nothing is left out: a main thread that joins its workers costs nothing, and
// is no victim of what they wait for.
#include "shim/watch/tree_reading.h"

#include <algorithm>

#include "shim/inspection/blocked_thread.h"
#include "shim/inspection/earlier_readers.h"
#include "shim/inspection/inferred_holds.h"
#include "shim/inspection/joined_thread.h"
#include "shim/record/thread_table.h"
#include "shim/record/view_walk.h"

namespace holdwatch {
namespace {

constexpr size_t kMaxJoined = 256;          // each costs a look at the joining thread's system call
constexpr size_t kMaxInConditionWait = 64;  // the same for those that hold something meanwhile

class TreeReading {
 public:
  explicit TreeReading(WaitTrees& trees) : trees_(trees) {}

  void run() {
    for_each_record([this](uint32_t index, const ThreadRecord&) { read_record(index); });
    if (joined_count_ > 0) read_joined(0);
    for (size_t i = 0; i < in_condition_wait_count_; ++i) read_taking_back(in_condition_wait_[i]);
    if (any_inferred_) add_unknown_readers();
    trees_.find_paths();
  }

 private:
  void read_record(uint32_t index);
  bool read_wait(uint32_t index);
  bool read_join(uint32_t index);
  bool note_condition_wait(uint32_t index);
  void read_joined(size_t from);
  void read_taking_back(uint32_t index);
  void add_unknown_readers();

  WaitTrees& trees_;
  const bool any_inferred_ = has_inferred();
  int joined_[kMaxJoined];
  size_t joined_count_ = 0;
  uint32_t in_condition_wait_[kMaxInConditionWait];  // records
  size_t in_condition_wait_count_ = 0;
};

// Of a thread that does not wait, only holds that are soon over a limit matter. An inferred hold is in another record than
// what its thread has done since.
void TreeReading::read_record(uint32_t index) {
  const ThreadRecord& record = *record_at(index);
  const bool is_live = record.state.load(std::memory_order_acquire) == RecordState::live;
  const bool waits_for_lock = is_live && record.waiting() != nullptr && read_wait(index);
  bool is_first = true, waits_otherwise = false;
  for_each_used_slot(record, [&](uint32_t position, const HeldSlot& slot, LockWord) {
    const uint64_t number = slot.number.load(std::memory_order_acquire);
    const uint64_t since_ns = slot.since_ns.load(std::memory_order_acquire);
    const LockWord word(slot.word.load(std::memory_order_acquire));
    if (!word.is_hold()) return;
    if (is_first && is_live && !waits_for_lock) waits_otherwise = note_condition_wait(index) || read_join(index);
    is_first = false;
    if (!waits_for_lock && !waits_otherwise && !any_inferred_ && !trees_.is_old(since_ns)) return;
    trees_.add_hold({word, record.tid.load(std::memory_order_acquire), {index, position, number}, since_ns});
  });
}

bool TreeReading::read_wait(uint32_t index) {
  WaitView wait;
  if (!view_wait(index, &wait) || wait.word.condition()) return false;
  trees_.add_wait({wait.tid, wait.word, 0, wait.identity, wait.since_ns, {}, 0});
  return true;
}

bool TreeReading::note_condition_wait(uint32_t index) {
  if (record_at(index)->waiting() == nullptr || in_condition_wait_count_ == kMaxInConditionWait) return false;
  in_condition_wait_[in_condition_wait_count_++] = index;
  return true;
}

// Once it is known who holds the mutexes: a thread that has been woken needs its own back.
void TreeReading::read_taking_back(uint32_t index) {
  WaitView wait;
  if (!view_wait(index, &wait) || !wait.word.condition() || !trees_.is_held_by_another(wait.word, wait.tid)) return;
  if (has_been_woken(wait.tid, wait.word))
    trees_.add_wait({wait.tid, wait.word, 0, wait.identity, wait.since_ns, {}, 0});
}

// Who reads an rwlock since before an attachment is in no record. That somebody has read it all the time since the first wait
// for it began is not certain; but whoever it is, they are at the root.
void TreeReading::add_unknown_readers() {
  constexpr size_t kMaxLocks = 16;
  TreeHold readers[kMaxLocks];
  size_t count = 0;
  trees_.for_each_wait([&](const TreeWait& wait) {
    if (wait.is_join() || wait.lock.kind() != LockKind::rwlock) return;
    const LockWord read(reinterpret_cast<const void*>(wait.lock.address()), LockKind::rwlock, Access::shared);
    auto* const known =
        std::find_if(readers, readers + count, [&](const TreeHold& one) { return one.lock.is_same_lock(read); });
    if (known != readers + count)
      known->since_ns = std::min(known->since_ns, wait.since_ns);
    else if (count < kMaxLocks)
      readers[count++] = {read, TreeHold::kUnknownThreads, kUnrecorded, wait.since_ns};
  });
  for (size_t i = 0; i < count; ++i)
    if (has_only_earlier_readers(readers[i].lock)) trees_.add_hold(readers[i]);
}

bool TreeReading::read_join(uint32_t index) {
  JoinView join;
  if (joined_count_ == kMaxJoined || !view_join(index, &join)) return false;
  const int tid = joined_thread(join);
  if (tid == 0 || tid == join.tid) return false;
  if (!trees_.add_wait({join.tid, {}, tid, {index, 0, join.state}, join.since_ns, {}, 0})) return false;
  joined_[joined_count_++] = tid;
  return true;
}

// The threads that are joined, from this one on: their lives, and which of them join others in turn.
void TreeReading::read_joined(size_t from) {
  const size_t end = joined_count_;
  for_each_record([&](uint32_t index, const ThreadRecord& record) {
    const int tid = record.tid.load(std::memory_order_acquire);
    if (record.state.load(std::memory_order_acquire) != RecordState::live ||
        std::find(joined_ + from, joined_ + end, tid) == joined_ + end || !trees_.add_hold({{}, tid, {index, 0, 0}, 0}))
      return;
    if (!trees_.has_wait_of(tid)) read_join(index);
  });
  if (joined_count_ > end) read_joined(end);
}

}  // namespace

void read_trees(WaitTrees& trees, const Timing& timing) {
  if (trees.is_of(timing.now_ns())) return;
  const uint64_t limit_ns = timing.limits().smallest_of_holds_ns();
  trees.clear(timing.now_ns(), age_ns(limit_ns - limit_ns / WaitTrees::kSoon, timing.now_ns()));
  TreeReading(trees).run();
}

}  // namespace holdwatch
