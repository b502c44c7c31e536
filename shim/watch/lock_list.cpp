// See lock_list.h.
#include "shim/watch/lock_list.h"

#include <algorithm>
#include <cstring>

#include "shim/inspection/blocked_thread.h"
#include "shim/inspection/inferred_holds.h"
#include "shim/inspection/loader_locks.h"
#include "shim/record/thread_table.h"
#include "shim/record/view_walk.h"

namespace holdwatch {
namespace {

constinit LockList g_list = {};

ListedUse use_of(const Identity& identity) {
  return {identity.record, identity.slot, identity.number};
}

class LockLister {
 public:
  explicit LockLister(const EpisodeContext& in) : in_(in) {}

  void run(uint64_t least_ns) {
    begin();
    choose_locks(least_ns);
    in_.reader.lock_index().walk();
    for (size_t i = 0; i < chosen_count_; ++i) list_lock(chosen_[i]);
  }

 private:
  void begin();
  void choose_locks(uint64_t least_ns);
  void choose(LockWord lock);
  void list_lock(LockWord lock);
  void list_hold(const HolderState& holder, ListedLock& listed);
  void list_wait(const WaitView& wait, ListedLock& listed);

  const EpisodeContext& in_;
  LockWord chosen_[kMaxListedLocks];
  size_t chosen_count_ = 0;
};

void LockLister::begin() {
  g_list.time_ns = in_.timing.now_ns();
  g_list.wait_limit_ns = in_.timing.limits().of_waits_ns();
  g_list.lock_count = g_list.locks_left_out = g_list.hold_count = g_list.wait_count = 0;
  in_.reader.lock_index().clear();
}

// The index takes each lock once, and more of them than the list has room for.
void LockLister::choose(LockWord lock) {
  if (!in_.reader.lock_index().want(lock)) return;
  if (chosen_count_ < kMaxListedLocks)
    chosen_[chosen_count_++] = lock;
  else
    ++g_list.locks_left_out;
}

void LockLister::choose_locks(uint64_t least_ns) {
  for_each_wait(UINT64_MAX, [this](const WaitView& wait) {
    if (!wait.word.condition()) choose(wait.word);
  });
  for_each_hold(age_ns(least_ns, in_.timing.now_ns()), [&](const HoldView& hold) {
    if (in_.timing.age_of(hold) >= least_ns) choose(hold.word);
  });
}

// Locks that are no longer held or waited for, or whose records are left over, are not listed.
void LockLister::list_lock(LockWord lock) {
  in_.reader.read(lock, in_.timing);
  const LockState& state = in_.reader.state();
  if (state.holder_count == 0 && state.waiting == 0) return;
  ListedLock& listed = g_list.locks[g_list.lock_count++];
  const LockTag tag = lock_tag(lock.address());
  const Episode* const cycle = in_.episodes.find_cycle(lock.address());
  listed = {reported_lock(lock), tag.id, "", cycle != nullptr && cycle->ended_ns == 0, 0, 0, 0, 0, 0, 0};
  std::memcpy(listed.name, tag.name, sizeof listed.name);
  listed.first_hold = g_list.hold_count;
  for (size_t i = 0; i < state.holder_count; ++i) list_hold(state.holders[i], listed);
  listed.holds_left_out += static_cast<uint32_t>(state.holders_left_out);
  listed.first_wait = g_list.wait_count;
  for (size_t i = 0; i < state.waiter_count; ++i)
    if (!state.waiters[i].word.condition()) list_wait(state.waiters[i], listed);
  listed.waits_left_out += static_cast<uint32_t>(state.waiters_left_out);
}

void LockLister::list_hold(const HolderState& holder, ListedLock& listed) {
  if (g_list.hold_count == kMaxListedHolds) {
    ++listed.holds_left_out;
    return;
  }
  const HoldView& hold = holder.hold;
  ListedHold& out = g_list.holds[g_list.hold_count++];
  ++listed.hold_count;
  out = {};
  out.use = use_of(hold.identity);
  out.tid = hold.tid;
  out.pid = holder.pid;
  out.access = hold.word.access();
  out.acquired = acquired_how(holder);
  out.likely = holder.likely;
  out.gone = hold.gone;
  if (hold.gone) std::memcpy(out.thread, record_at(hold.identity.record)->gone_name, sizeof out.thread - 1);
  out.depth = hold.levels;
  out.held_ns = in_.timing.age_of(hold);
  out.limit_ns = in_.timing.limits().of(hold.word);
  out.site_count = is_inferred(hold.sites[0].pc) ? 0 : hold.site_count;
  std::copy_n(hold.sites, out.site_count, out.sites);
}

void LockLister::list_wait(const WaitView& wait, ListedLock& listed) {
  if (g_list.wait_count == kMaxListedWaits) {
    ++listed.waits_left_out;
    return;
  }
  ListedWait& out = g_list.waits[g_list.wait_count++];
  ++listed.wait_count;
  out = {use_of(wait.identity), wait.tid, wait.word.access(), wait.word.timeout(), in_.timing.age_of(wait), {}};
  if (!is_inferred(wait.caller.pc)) out.caller = {wait.caller.pc, wait.caller.sp};
}

}  // namespace

LockList& list_locks(const EpisodeContext& in, uint64_t least_ns) {
  LockLister(in).run(least_ns);
  return g_list;
}

}  // namespace holdwatch
