// See loader_waits.h.
#include "shim/watch/loader_waits.h"

#include <algorithm>

#include "shim/record/view_walk.h"

namespace holdwatch {
namespace {

constexpr int kMaxLooks = 256;

bool waits_by_record(int tid) {
  bool waits = false;
  for_each_record([&](uint32_t index, const ThreadRecord& record) {
    WaitView wait;
    JoinView join;
    if (record.tid.load(std::memory_order_acquire) == tid) waits |= view_wait(index, &wait) || view_join(index, &join);
  });
  return waits;
}

}  // namespace

LoaderWaits::LoaderWaits() : locks_(contended_loader_locks()) {
  const ContendedLoaderLocks all = locks_;
  const auto may_end = [&](const LoaderLock& lock) {
    return !waits_by_record(lock.owner) && loader_lock_slept_for(lock.owner, all).empty();
  };
  locks_.count = static_cast<size_t>(std::remove_if(locks_.locks, locks_.locks + locks_.count, may_end) - locks_.locks);
}

bool LoaderWaits::is_owner(int tid) const {
  return std::any_of(locks_.locks, locks_.locks + locks_.count,
                     [tid](const LoaderLock& lock) { return lock.owner == tid; });
}

LockWord LoaderWaits::slept_for(int tid) {
  return locks_.count == 0 || ++looks_ > kMaxLooks ? LockWord() : loader_lock_slept_for(tid, locks_);
}

void LoaderWaits::add_owners(CycleSearch& search) {
  for (size_t i = 0; i < locks_.count; ++i) {
    const LoaderLock& lock = locks_.locks[i];
    search.add_hold({lock.word, lock.owner, kUnrecorded});
    if (const LockWord wanted = slept_for(lock.owner); !wanted.empty()) search.add_wait(lock.owner, wanted);
  }
}

bool LoaderWaits::add_wait(CycleSearch& search, int tid) {
  if (is_owner(tid)) return false;  // added with its lock
  const LockWord wanted = slept_for(tid);
  if (!wanted.empty()) search.add_wait(tid, wanted);
  return !wanted.empty();
}

}  // namespace holdwatch
