// See adopted.h.
#include "shim/watch/adopted.h"

#include <linux/futex.h>
#include <pthread.h>
#include <sys/syscall.h>

#include <algorithm>

#include "shim/base/os.h"
#include "shim/base/pulse.h"
#include "shim/capture/capture.h"
#include "shim/capture/own_memory.h"
#include "shim/capture/task_files.h"
#include "shim/record/thread_table.h"
#include "shim/record/view.h"
#include "shim/watch/ownership.h"
#include "shim/watch/waiting_call.h"

namespace holdwatch {
namespace {

constexpr size_t kMaxAdopted = 4096;
constexpr size_t kChecksAtOnce = 64;  // of waits, in one wake-up: each reads a file of /proc
constexpr int kLooks = 3;             // one thread may be on its way into a wait while it is looked at

struct Adopted {
  ThreadRecord* record;  // null: free
  HeldSlot* slot;
  int tid;
  LockWord word;
  bool is_wait;
};

std::atomic<int> g_looks_wanted{0};
Adopted g_adopted[kMaxAdopted];
size_t g_used = 0;        // entries ever used
size_t g_next_check = 0;  // among them

// Threads that sit in a condition wait since before the attachment: it knows of no mutex until it has been woken.
int g_sleepers[kMaxAdopted];
size_t g_sleeper_count = 0;
size_t g_next_sleeper = 0;

Adopted* free_entry() {
  for (size_t i = 0; i < g_used; ++i)
    if (g_adopted[i].record == nullptr) return &g_adopted[i];
  return g_used < kMaxAdopted ? &g_adopted[g_used++] : nullptr;
}

bool is_adopted(int tid, LockWord word, bool is_wait) {
  return std::any_of(g_adopted, g_adopted + g_used, [&](const Adopted& one) {
    return one.record != nullptr && one.tid == tid && one.is_wait == is_wait && one.word.is_lock_at(word.address());
  });
}

// The record that holds what was adopted of the thread already, or null.
ThreadRecord* record_of(int tid) {
  for (size_t i = 0; i < g_used; ++i)
    if (g_adopted[i].record != nullptr && g_adopted[i].tid == tid) return g_adopted[i].record;
  return nullptr;
}

void drop(Adopted& adopted) {
  ThreadRecord& record = *adopted.record;
  adopted.record = nullptr;
  record.drop(*adopted.slot);
  if (record_of(adopted.tid) == nullptr) give_back_adopted(record);
}

// Whether the thread itself has recorded that it holds the lock.
bool is_recorded(int tid, LockWord word) {
  bool found = false;
  for_each_hold(UINT64_MAX, [&](const HoldView& hold) {
    found |= hold.tid == tid && hold.sites[0].pc != 0 && hold.word.is_lock_at(word.address());
  });
  return found;
}

bool waits_by_record(int tid) {
  bool found = false;
  for_each_wait(UINT64_MAX, [&](const WaitView& wait) { found |= wait.tid == tid; });
  return found;
}

bool adopt(int tid, LockWord word, bool is_wait, uintptr_t sp) {
  Adopted* adopted = free_entry();
  if (adopted == nullptr) return false;
  ThreadRecord* record = record_of(tid);
  if (record == nullptr) record = adopt_thread(tid, sp == 0 ? 0 : mapped_around(sp, MappedAs::stack).end);
  if (record == nullptr) return false;
  HeldSlot* slot = record->begin_wait_slow(word, {0, 0, 0}, g_pulse.tick_ns.load(std::memory_order_relaxed));
  if (slot == nullptr) return false;
  if (!is_wait) record->hold_waited_slow(*slot, word);
  *adopted = {record, slot, tid, word, is_wait};
  return true;
}

void adopt_owner(LockWord lock) {
  LockWord held;
  const int owner = owner_of(lock, &held);
  if (owner == 0 || is_adopted(owner, held, false) || is_recorded(owner, held)) return;
  SyscallFile place;
  if (read_syscall_file(owner, &place) != 0) return;  // gone, or of another process
  adopt(owner, held, false, place.sp);
}

bool sleeps(int tid) {
  return std::any_of(g_sleepers, g_sleepers + g_sleeper_count, [&](int one) { return one == tid; });
}

void adopt_wait(int tid) {
  SyscallFile place;
  LockWord word;
  if (read_syscall_file(tid, &place) != 0) return;
  if (!lock_waited_for(place, &word)) {
    if (sits_in_condition_wait(place) && g_sleeper_count < kMaxAdopted && !sleeps(tid))
      g_sleepers[g_sleeper_count++] = tid;
    return;
  }
  if (is_adopted(tid, word, true) || waits_by_record(tid)) return;
  if (adopt(tid, word, true, place.sp)) adopt_owner(word);
}

bool still_waits(const Adopted& adopted) {
  SyscallFile place;
  LockWord word;
  return read_syscall_file(adopted.tid, &place) == 0 && lock_waited_for(place, &word) && word == adopted.word;
}

bool still_holds(const Adopted& adopted) {
  return confirm_ownership(adopted.word, adopted.tid) == Ownership::confirmed &&
         !is_recorded(adopted.tid, adopted.word);
}

void drop_what_ended() {
  const size_t checks = std::min(g_used, kChecksAtOnce);
  for (size_t i = 0; i < checks; ++i) {
    Adopted& adopted = g_adopted[g_next_check++ % g_used];
    if (adopted.record == nullptr) continue;
    if (adopted.is_wait ? !still_waits(adopted) : !still_holds(adopted)) drop(adopted);
  }
}

// Who has been woken waits for the mutex now, or is in a wait of its own record by then.
void look_after_sleepers() {
  for (size_t checks = std::min(g_sleeper_count, kChecksAtOnce); checks > 0 && g_sleeper_count > 0; --checks) {
    const size_t at = g_next_sleeper++ % g_sleeper_count;
    const int tid = g_sleepers[at];
    SyscallFile place;
    LockWord word;
    const bool is_there = read_syscall_file(tid, &place) == 0;
    if (is_there && sits_in_condition_wait(place) && !lock_waited_for(place, &word)) continue;
    g_sleepers[at] = g_sleepers[--g_sleeper_count];
    if (is_there) adopt_wait(tid);
  }
}

bool anything_is_held_since(uint64_t old_ns) {
  bool found = false;
  for_each_hold(old_ns, [&](const HoldView&) { found = true; });
  return found;
}

}  // namespace

void adopt_later() {
  g_looks_wanted.store(kLooks, std::memory_order_release);
}

void look_after_adopted(uint64_t old_ns) {
  if (g_used > 0) drop_what_ended();
  if (const int looks = g_looks_wanted.load(std::memory_order_acquire); looks > 0) {
    g_looks_wanted.store(looks - 1, std::memory_order_relaxed);
    for_each_thread(adopt_wait);
  }
  if (g_sleeper_count > 0 && anything_is_held_since(old_ns)) look_after_sleepers();
  for_each_wait(old_ns, [](const WaitView& wait) {
    if (!wait.word.condition()) adopt_owner(wait.word);
  });
}

bool has_adopted() {
  return std::any_of(g_adopted, g_adopted + g_used, [](const Adopted& one) { return one.record != nullptr; });
}

void forget_adopted() {
  g_looks_wanted.store(0);
  for (size_t i = 0; i < g_used; ++i)
    if (g_adopted[i].record != nullptr) drop(g_adopted[i]);
  g_used = g_next_check = 0;
  g_sleeper_count = g_next_sleeper = 0;
}

}  // namespace holdwatch
