// See inferred_holds.h.
#include "shim/inspection/inferred_holds.h"

#include <algorithm>
#include <atomic>

#include "shim/base/clock.h"
#include "shim/inspection/blocked_thread.h"
#include "shim/inspection/earlier_sleeps.h"
#include "shim/inspection/inference.h"
#include "shim/inspection/other_process.h"
#include "shim/inspection/ownership.h"
#include "shim/inspection/standard_streams.h"
#include "shim/inspection/task_files.h"
#include "shim/inspection/unexplained_waits.h"
#include "shim/inspection/waiting_call.h"
#include "shim/record/thread_table.h"
#include "shim/record/view_walk.h"

namespace holdwatch {
namespace {

constexpr size_t kChecksAtOnce = 64;       // in one wake-up: each reads files of /proc
constexpr int kChecksAfterAttachment = 3;  // of all threads: one may be about to wait while it is examined

std::atomic<int> g_checks_wanted{0};
std::atomic<bool> g_is_attached{false};
size_t g_next_check = 0;  // among the entries

// Threads in a condition wait since before the attachment: which mutex they will want shows only once they are woken.
int g_sleepers[kMaxInferred];
size_t g_sleeper_count = 0;
size_t g_next_sleeper = 0;

bool sleeps(int tid) {
  return std::any_of(g_sleepers, g_sleepers + g_sleeper_count, [&](int one) { return one == tid; });
}

void infer_wait(int tid) {
  SyscallFile place;
  LockWord word;
  if (read_syscall_file(tid, &place) != 0) return;
  if (!lock_waited_for(place, &word)) {
    if (sits_in_condition_wait(place) && g_sleeper_count < kMaxInferred && !sleeps(tid))
      g_sleepers[g_sleeper_count++] = tid;
    return;
  }
  if (waits_by_record(tid)) return;  // inferred, or by its own record
  if (infer({Whereabouts::here, tid}, word, true) != nullptr) infer_owner(word, monotonic_ns());
}

// One that has not run since has not stopped waiting either; to look at its system call costs more.
bool still_waits_elsewhere(Inferred& inferred) {
  const OwnerPlace& place = inferred.hold.place;
  const uint64_t switches = switches_asleep(place.pid, place.tid);
  if (switches != 0 && switches == inferred.switches) return true;
  inferred.switches = switches;
  return wanted_elsewhere(place.pid, place.tid, inferred.word) == inferred.word;
}

bool still_waits(Inferred& inferred) {
  SyscallFile place;
  if (inferred.hold.place.where == Whereabouts::elsewhere) return still_waits_elsewhere(inferred);
  return read_syscall_file(inferred.tid(), &place) == 0 && sleeps_for(place, inferred.word) &&
         wanted_of(place, inferred.word) == inferred.word;
}

bool still_holds(const Inferred& inferred) {
  if (inferred.hold.inside_call && is_changing_hands(inferred.word)) return true;
  return confirm_ownership(inferred.word, inferred.hold.place.named()) == Ownership::confirmed &&
         !is_recorded(inferred.tid(), inferred.word);
}

// Whether the lock cannot have been released since the last scan. A thread that has exited cannot release it.
bool is_same_hold(Inferred& inferred) {
  switch (inferred.hold.place.where) {
    case Whereabouts::here:
    case Whereabouts::elsewhere:
      return inferred.still.lasts();
    case Whereabouts::exited:
    case Whereabouts::exited_elsewhere:
    case Whereabouts::of_parent:
    case Whereabouts::unknown:
      break;
  }
  return true;
}

void look_for_exit(OwnerPlace& place) {
  if (place.where == Whereabouts::elsewhere && place.pid != 0 &&
      look_at_thread(place.pid, place.tid).state == ThreadState::gone)
    place.where = Whereabouts::exited_elsewhere;
}

// A hold that may be a different one by now starts again, unless it was reported already: then it is only likely from now on.
void check_hold(Inferred& inferred, const Timing& timing) {
  if (!still_holds(inferred)) return drop(inferred);
  forget_ended_join(inferred);
  look_for_exit(inferred.hold.place);
  if (is_same_hold(inferred)) return;
  const uint64_t since_ns = timing.latest_ns(inferred.slot->since_ns.load(std::memory_order_relaxed));
  inferred.hold.doubtful = is_over(age_ns(since_ns, timing.now_ns()), timing.limits().of(inferred.word));
  if (inferred.hold.doubtful) return;
  begin_again(inferred);
}

void check_inferred(const Timing& timing) {
  const auto used = static_cast<size_t>(end_inferred() - begin_inferred());
  for (size_t checks = std::min(used, kChecksAtOnce); checks > 0; --checks) {
    Inferred& inferred = begin_inferred()[g_next_check++ % used];
    if (inferred.record == nullptr) continue;
    if (!inferred.is_wait)
      check_hold(inferred, timing);
    else if (!still_waits(inferred))
      drop(inferred);
  }
}

// A thread that has been woken waits for the mutex now, or has recorded a wait of its own.
void recheck_sleepers() {
  for (size_t checks = std::min(g_sleeper_count, kChecksAtOnce); checks > 0 && g_sleeper_count > 0; --checks) {
    const size_t at = g_next_sleeper++ % g_sleeper_count;
    const int tid = g_sleepers[at];
    SyscallFile place;
    LockWord word;
    const bool is_there = read_syscall_file(tid, &place) == 0;
    if (is_there && sits_in_condition_wait(place) && !lock_waited_for(place, &word)) continue;
    g_sleepers[at] = g_sleepers[--g_sleeper_count];
    if (is_there) infer_wait(tid);
  }
}

bool anything_is_held_since(uint64_t old_ns) {
  bool found = false;
  for_each_hold(old_ns, [&](const HoldView&) { found = true; });
  return found;
}

}  // namespace

void infer_after_attachment() {
  g_is_attached.store(true, std::memory_order_relaxed);
  expect_unrecorded_forks();
  g_checks_wanted.store(kChecksAfterAttachment, std::memory_order_release);
}

void infer_since(uint64_t earlier_sleeps) {
  take_earlier_sleeps(earlier_sleeps);
  date_back_inferred();
  for_each_thread(infer_wait);
  unexplained_waits_look_again();
}

void update_inferred(const Timing& timing, const ReportedLocks& reported, LockIndex& lock_index, Candidates& stuck) {
  check_inferred(timing);
  if (const int checks = g_checks_wanted.load(std::memory_order_acquire); checks > 0) {
    g_checks_wanted.store(checks - 1, std::memory_order_relaxed);
    for_each_thread(infer_wait);
  }
  const uint64_t old_ns = age_ns(timing.limits().smallest_ns() / 2, timing.now_ns());
  if (g_sleeper_count > 0 && anything_is_held_since(old_ns)) recheck_sleepers();
  examine_unexplained_waits(timing, reported, lock_index, stuck);
  examine_standard_streams(timing);
}

bool infer_unseen_waiters(LockWord lock) {
  return is_contended(lock) && infer_sleepers(lock);
}

bool has_inferred() {
  return std::any_of(begin_inferred(), end_inferred(), [](const Inferred& one) { return one.record != nullptr; });
}

bool has_inferred_wait(int tid) {
  return std::any_of(begin_inferred(), end_inferred(),
                     [tid](const Inferred& one) { return one.record != nullptr && one.is_wait && one.tid() == tid; });
}

bool inferred_since_attachment(LockWord lock) {
  return lock.kind() != LockKind::stream && g_is_attached.load(std::memory_order_relaxed);
}

const InferredHold* inferred_hold(const HoldView& hold) {
  if (!is_inferred(hold.sites[0].pc)) return nullptr;
  const Inferred* const found = find_inferred(hold.identity);
  return found == nullptr ? nullptr : &found->hold;
}

bool is_inferred_hold(const Identity& hold) {
  return find_inferred(hold) != nullptr;
}

int named_in_lock(const Identity& hold, int tid) {
  const Inferred* const found = find_inferred(hold);
  return found == nullptr ? tid : found->hold.place.named();
}

void forget_inferred() {
  g_checks_wanted.store(0);
  for (Inferred* inferred = begin_inferred(); inferred != end_inferred(); ++inferred)
    if (inferred->record != nullptr) drop(*inferred);
  inferred_after_fork();
}

void inferred_after_fork() {
  g_is_attached.store(false, std::memory_order_relaxed);
  clear_inferred();
  forget_earlier_sleeps();
  g_next_check = 0;
  g_sleeper_count = g_next_sleeper = 0;
  unexplained_waits_reset();
  forget_standard_streams();
}

}  // namespace holdwatch
