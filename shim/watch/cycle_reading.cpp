// See cycle_reading.h.
//
// A thread that holds nothing and that no other thread joins cannot be part of a cycle: ten thousand waiters of one lock
// cost no more than reading their records. Joins are followed from threads that hold something, and of those that seem to join one
// another in a circle: so a main thread that joins its workers costs nothing.
#include "shim/watch/cycle_reading.h"

#include <algorithm>

#include "shim/inspection/blocked_thread.h"
#include "shim/inspection/inferred_holds.h"
#include "shim/inspection/joined_thread.h"
#include "shim/record/thread_table.h"
#include "shim/watch/join_circles.h"
#include "shim/watch/loader_waits.h"
#include "shim/watch/waits_elsewhere.h"

namespace holdwatch {
namespace {

constexpr size_t kMaxFollowed = 256;  // most cost a look at the joining thread's system call

// The threads for which threads of interest wait although they may hold nothing by the records, each once: those that are
// joined, and owners of the loader's locks.
class FollowedThreads {
 public:
  bool full() const { return count_ == kMaxFollowed; }
  size_t count() const { return count_; }
  void add(int tid) {
    if (!full() && !contains(tid, 0)) tids_[count_++] = tid;
  }
  bool contains(int tid, size_t from) const { return std::find(tids_ + from, tids_ + count_, tid) != tids_ + count_; }

 private:
  int tids_[kMaxFollowed] = {};
  size_t count_ = 0;
};

bool holds_anything(const ThreadRecord& record) {
  bool any = false;
  for_each_used_slot(record, [&](uint32_t, const HeldSlot&, LockWord word) { any |= word.is_hold(); });
  return any;
}

class CycleReading {
 public:
  CycleReading(CycleSearch& search, const Timing& timing) : search_(search), elsewhere_(timing) {}

  void run() {
    loader_.add_owners(search_);
    loader_.for_each_owner([this](int tid) { followed_.add(tid); });
    add_threads_that_hold();
    follow_circles_of_joins();
    if (followed_.count() > 0) add_followed_threads(0);
    elsewhere_.add_edges(search_);
  }

 private:
  void add_holds(uint32_t index, bool waits);
  bool add_join(uint32_t index);
  bool add_wait(uint32_t index);
  void add_threads_that_hold();
  void note_join(uint32_t index);
  void follow_circles_of_joins();
  void add_followed_threads(size_t from);

  CycleSearch& search_;
  const bool any_inferred_ = has_inferred();
  FollowedThreads followed_;
  uint32_t joiners_[JoinCircles::kMax];  // records of threads that hold nothing, and join another one
  size_t joiner_count_ = 0;
  LoaderWaits loader_;
  WaitsElsewhere elsewhere_;
};

// `waits` is false for an inferred record: the waits of its thread are in another record.
void CycleReading::add_holds(uint32_t index, bool waits) {
  const ThreadRecord& record = *record_at(index);
  const int tid = record.tid.load(std::memory_order_acquire);
  for_each_used_slot(record, [&](uint32_t position, const HeldSlot& slot, LockWord) {
    if (!waits && !is_inferred(slot.pc.load(std::memory_order_acquire))) return;
    const uint64_t number = slot.number.load(std::memory_order_acquire);
    const LockWord word(slot.word.load(std::memory_order_acquire));
    if (word.is_hold()) search_.add_hold({word, tid, {index, position, number}});
  });
}

bool CycleReading::add_join(uint32_t index) {
  JoinView join;
  if (followed_.full() || !view_join(index, &join) || join.has_timeout) return false;
  const int tid = joined_thread(join);
  if (tid == 0 || tid == join.tid) return false;
  search_.add_join(join.tid, tid);
  followed_.add(tid);
  return true;
}

// False if the thread waits for nothing, or not forever. A lock call within a join is a signal handler's: the thread
// waits for the lock.
bool CycleReading::add_wait(uint32_t index) {
  WaitView wait;
  if (!view_wait(index, &wait))
    return add_join(index) || loader_.add_wait(search_, record_at(index)->tid.load(std::memory_order_acquire));
  if (wait.word.timeout()) return false;
  search_.add_wait(wait.tid, wait.word);
  elsewhere_.consider(wait);
  return true;
}

bool holds_and_waits_unseen(const ThreadRecord& record) {
  return holds_anything(record) && has_inferred_wait(record.tid.load(std::memory_order_acquire));
}

void CycleReading::add_threads_that_hold() {
  for (uint32_t index = 0, limit = record_limit(); index < limit; ++index) {
    const ThreadRecord& record = *record_at(index);
    if (record.state.load(std::memory_order_acquire) != RecordState::live) continue;
    const bool holds = holds_anything(record);
    if (!holds) note_join(index);
    if (!any_inferred_ && !holds) continue;
    const bool waits = add_wait(index) || (any_inferred_ && holds_and_waits_unseen(record));
    if (waits || any_inferred_) add_holds(index, waits);
  }
}

void CycleReading::note_join(uint32_t index) {
  JoinView join;
  if (joiner_count_ < JoinCircles::kMax && view_join(index, &join) && !join.has_timeout)
    joiners_[joiner_count_++] = index;
}

void CycleReading::follow_circles_of_joins() {
  constexpr size_t kLeast = 3;  // pthread_join refuses it to two threads to join each other
  if (joiner_count_ < kLeast) return;
  JoinCircles circles;
  for (size_t i = 0; i < joiner_count_; ++i) {
    JoinView join;
    if (view_join(joiners_[i], &join)) circles.add(join.tid, tid_in_descriptor(join.thread));
  }
  circles.for_each([this](int tid) { followed_.add(tid); });
}

// The followed threads from `from` on, of which those that hold nothing have not been added yet.
void CycleReading::add_followed_threads(size_t from) {
  const size_t end = followed_.count();
  for (uint32_t index = 0, limit = record_limit(); index < limit; ++index) {
    const ThreadRecord& record = *record_at(index);
    const int tid = record.tid.load(std::memory_order_acquire);
    if (record.state.load(std::memory_order_acquire) != RecordState::live || !followed_.contains(tid, from)) continue;
    search_.add_hold({{}, tid, {index, 0, 0}});
    if (!any_inferred_ && !holds_anything(record)) add_wait(index);
  }
  if (followed_.count() > end) add_followed_threads(end);
}

}  // namespace

void read_waits(CycleSearch& search, const Timing& timing) {
  search.clear();
  CycleReading(search, timing).run();
}

}  // namespace holdwatch
