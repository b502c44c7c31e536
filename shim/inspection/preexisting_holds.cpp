// See preexisting_holds.h.
#include "shim/inspection/preexisting_holds.h"

#include <algorithm>

#include "shim/base/clock.h"
#include "shim/base/clock_line.h"
#include "shim/inspection/blocked_thread.h"
#include "shim/inspection/inside_call.h"
#include "shim/inspection/own_memory.h"
#include "shim/inspection/ownership.h"
#include "shim/inspection/stillness.h"
#include "shim/inspection/task_files.h"
#include "shim/inspection/waiting_call.h"
#include "shim/record/thread_table.h"

namespace holdwatch {
namespace {

constexpr size_t kMaxAdopted = 4096;
constexpr size_t kChecksAtOnce = 64;  // in one wake-up: each reads files of /proc
constexpr int kLooks = 3;             // one thread may be on its way into a wait while it is looked at
constexpr size_t kMaxWaited = 512;    // locks that are waited for, asked in one look who keeps them

struct Adopted {
  ThreadRecord* record;  // null: free
  HeldSlot* slot;
  LockWord word;
  bool is_wait;
  AdoptedHold hold;  // of a hold; its tid is the thread's in any case
  Stillness still;

  int tid() const { return hold.place.tid; }
};

std::atomic<int> g_looks_wanted{0};
std::atomic<bool> g_is_attached{false};
constinit Adopted g_adopted[kMaxAdopted] = {};
size_t g_used = 0;        // entries ever used
size_t g_next_check = 0;  // among them

// Threads that sit in a condition wait since before the attachment: it knows of no mutex until it has been woken.
int g_sleepers[kMaxAdopted];
size_t g_sleeper_count = 0;
size_t g_next_sleeper = 0;

uint64_t g_unexplained_due_ns = 0;  // when waits are looked at next whose lock no record explains
LockWord g_waited[kMaxWaited];

Adopted* free_entry() {
  for (size_t i = 0; i < g_used; ++i)
    if (g_adopted[i].record == nullptr) return &g_adopted[i];
  return g_used < kMaxAdopted ? &g_adopted[g_used++] : nullptr;
}

Adopted* find_adopted(int tid, LockWord word, bool is_wait) {
  Adopted* const found = std::find_if(g_adopted, g_adopted + g_used, [&](const Adopted& one) {
    return one.record != nullptr && one.tid() == tid && one.is_wait == is_wait && one.word.is_same_lock(word);
  });
  return found == g_adopted + g_used ? nullptr : found;
}

// The record that holds what was adopted of the thread already, or null.
ThreadRecord* record_of(int tid) {
  for (size_t i = 0; i < g_used; ++i)
    if (g_adopted[i].record != nullptr && g_adopted[i].tid() == tid) return g_adopted[i].record;
  return nullptr;
}

void drop(Adopted& adopted) {
  ThreadRecord& record = *adopted.record;
  adopted.record = nullptr;
  record.drop(*adopted.slot);
  if (record_of(adopted.tid()) == nullptr) give_back_adopted(record);
}

// Whether the thread itself has recorded that it holds the lock.
bool is_recorded(int tid, LockWord word) {
  bool found = false;
  for_each_hold(UINT64_MAX, [&](const HoldView& hold) {
    found |= hold.tid == tid && !was_adopted(hold.sites[0].pc) && hold.word.is_same_lock(word);
  });
  return found;
}

bool waits_by_record(int tid) {
  bool found = false;
  for_each_wait(UINT64_MAX, [&](const WaitView& wait) { found |= wait.tid == tid; });
  return found;
}

// Publishes in the thread's adopted record that it wants the lock from now on, or has it.
bool publish(Adopted& adopted) {
  ThreadRecord& record = *adopted.record;
  adopted.slot = record.begin_wait_slow(adopted.word, {0, 0, 0}, g_pulse.tick_ns.load(std::memory_order_relaxed));
  if (adopted.slot == nullptr) return false;
  if (!adopted.is_wait) record.hold_waited_slow(*adopted.slot, adopted.word);
  return true;
}

Adopted* adopt(const OwnerPlace& place, LockWord word, bool is_wait) {
  Adopted* adopted = free_entry();
  if (adopted == nullptr) return nullptr;
  ThreadRecord* record = record_of(place.tid);
  if (record == nullptr) {
    SyscallFile file;
    const bool has_stack = place.where == Whereabouts::here && read_syscall_file(place.tid, &file) == 0;
    record = adopt_thread(place.tid, has_stack ? mapped_around(file.sp, MappedAs::stack).end : 0);
  }
  if (record == nullptr) return nullptr;
  record->gone_name[0] = '\0';  // another thread's
  *adopted = {record, nullptr, word, is_wait, {place, false, false}, {}};
  if (!publish(*adopted)) adopted->record = nullptr;
  return adopted->record == nullptr ? nullptr : adopted;
}

// The hold of whom the lock names, adopted now or before; null if it names nobody, or a thread that has recorded it.
Adopted* adopt_owner(LockWord lock, uint64_t waited_since_ns) {
  LockWord held;
  const int owner = owner_of(lock, &held);
  if (owner == 0) return nullptr;
  if (Adopted* known = find_adopted(owner, held, false); known != nullptr) return known;
  const OwnerPlace place = find_owner(owner, lock, waited_since_ns);
  if (Adopted* known = find_adopted(place.tid, held, false); known != nullptr) return known;
  if (place.where == Whereabouts::unknown || is_recorded(place.tid, held)) return nullptr;
  Adopted* adopted = adopt(place, held, false);
  if (adopted != nullptr && !is_gone(place.where)) adopted->still.begin(place.pid, place.tid, held);
  return adopted;
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
  if (waits_by_record(tid)) return;  // adopted, or by its own record
  if (adopt({Whereabouts::here, tid}, word, true) != nullptr) adopt_owner(word, monotonic_ns());
}

// Who waits for the lock by a call that went past our hooks; false if that is nobody.
bool adopt_sleepers(LockWord lock) {
  bool any = false;
  const Sleepers sleepers = sleepers_for(lock);
  for (size_t i = 0; i < sleepers.count; ++i) {
    SyscallFile place;
    const int tid = sleepers.tids[i];
    if (waits_by_record(tid) || read_syscall_file(tid, &place) != 0 || !sleeps_for(place, lock)) continue;
    any |= adopt({Whereabouts::here, tid}, wanted_of(place, lock), true) != nullptr;
  }
  return any;
}

bool still_waits(const Adopted& adopted) {
  SyscallFile place;
  return read_syscall_file(adopted.tid(), &place) == 0 && sleeps_for(place, adopted.word) &&
         wanted_of(place, adopted.word) == adopted.word;
}

bool still_holds(const Adopted& adopted) {
  if (adopted.hold.inside_call && is_changing_hands(adopted.word)) return true;
  return confirm_ownership(adopted.word, adopted.tid()) == Ownership::confirmed &&
         !is_recorded(adopted.tid(), adopted.word);
}

// Whether nobody can have given the lock up since it was looked at last. A thread that has exited cannot.
bool is_same_hold(Adopted& adopted) {
  switch (adopted.hold.place.where) {
    case Whereabouts::here:
    case Whereabouts::elsewhere:
      return adopted.still.lasts();
    case Whereabouts::exited:
    case Whereabouts::of_parent:
    case Whereabouts::unknown:
      break;
  }
  return true;
}

// A hold that may be another one by now counts anew, but where it was reported already: that one is only likely from now on.
void check_hold(Adopted& adopted, const Timing& timing) {
  if (!still_holds(adopted)) return drop(adopted);
  if (is_same_hold(adopted)) return;
  const uint64_t since_ns = timing.latest_ns(adopted.slot->since_ns.load(std::memory_order_relaxed));
  adopted.hold.doubtful = is_over(age_ns(since_ns, timing.now_ns()), timing.limit_of(adopted.word));
  if (adopted.hold.doubtful) return;
  adopted.record->drop(*adopted.slot);
  if (!publish(adopted)) drop(adopted);
}

void check_adopted(const Timing& timing) {
  const size_t checks = std::min(g_used, kChecksAtOnce);
  for (size_t i = 0; i < checks; ++i) {
    Adopted& adopted = g_adopted[g_next_check++ % g_used];
    if (adopted.record == nullptr) continue;
    if (!adopted.is_wait)
      check_hold(adopted, timing);
    else if (!still_waits(adopted))
      drop(adopted);
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

// --- waits that no record explains ---

// Whether a thread has recorded that it holds the lock, and the lock does not say otherwise.
bool is_explained(LockWord lock, Sightings& sightings) {
  bool explained = false;
  sightings.for_each_hold_of(lock, [&](const HoldView& hold) {
    explained =
        explained || (!was_adopted(hold.sites[0].pc) && confirm_ownership(hold.word, hold.tid) != Ownership::refuted);
  });
  return explained;
}

// The lock is taken and names nobody: by one that waits for it again in a signal's handler? Only the first few are asked, by a
// look at their stacks each.
Adopted* adopt_interrupted(LockWord lock, Sightings& sightings) {
  constexpr int kMostAsked = 8;
  if (!is_changing_hands(lock)) return nullptr;
  int tid = 0, asked = 0;
  sightings.for_each_wait_for(lock, [&](const WaitView& wait) {
    if (tid == 0 && ++asked <= kMostAsked && is_inside_call_on(wait)) tid = wait.tid;
  });
  const LockWord held(reinterpret_cast<const void*>(lock.address()), lock.kind(), access_of_nameless(lock));
  if (tid == 0 || !is_changing_hands(lock)) return nullptr;
  if (Adopted* known = find_adopted(tid, held, false); known != nullptr) return known;
  Adopted* adopted = adopt({Whereabouts::here, tid}, held, false);
  if (adopted != nullptr) adopted->still.begin(0, tid, held);
  return adopted;
}

uint64_t longest_wait_ns(LockWord lock, const Timing& timing, Sightings& sightings) {
  uint64_t longest_ns = 0;
  sightings.for_each_wait_for(lock, [&](const WaitView& wait) {
    if (!wait.word.condition()) longest_ns = std::max(longest_ns, timing.age_of(wait));
  });
  return longest_ns;
}

// Whether it waits for the lock itself; then it may be in the middle of a call that a signal has interrupted.
bool waits_for_itself(Adopted& owner, LockWord lock, Sightings& sightings) {
  bool waits = false;
  sightings.for_each_wait_for(lock, [&](const WaitView& wait) {
    if (wait.tid != owner.tid() || wait.word.condition()) return;
    waits = true;
    owner.hold.inside_call = owner.hold.inside_call || is_inside_call_on(wait);
  });
  return waits;
}

void explain(LockWord lock, const Timing& timing, const ReportedLocks& reported, Sightings& sightings,
             Suspects& stuck) {
  if (is_explained(lock, sightings)) return;
  const uint64_t waited_ns = longest_wait_ns(lock, timing, sightings);
  Adopted* owner = adopt_owner(lock, timing.now_ns() - waited_ns);
  if (owner == nullptr) owner = adopt_interrupted(lock, sightings);
  if (owner == nullptr) return;
  adopt_sleepers(lock);
  const bool is_stuck = is_gone(owner->hold.place.where) || waits_for_itself(*owner, lock, sightings);
  if (is_stuck && is_over(waited_ns, timing.stuck_limit_ns(owner->word)) &&
      !reported.contain(reported.episodes, lock.address()))
    stuck.add(lock);
}

// The locks that somebody has waited for since tick `old_ns` or before; `*next_ns`: when the next wait began.
size_t list_waited(uint64_t old_ns, Sightings& sightings, uint64_t* next_ns) {
  size_t count = 0;
  sightings.clear();
  *next_ns = for_each_wait(old_ns, [&](const WaitView& wait) {
    if (!wait.word.condition() && count < kMaxWaited && sightings.want(wait.word)) g_waited[count++] = wait.word;
  });
  return count;
}

// A wait is looked at when it has lasted for one period: until then most are over. That takes an eight-hundredth of the time at
// most.
void look_for_unexplained(const Timing& timing, const ReportedLocks& reported, Sightings& sightings, Suspects& stuck) {
  constexpr uint64_t kShare = 800, kPerRecordNs = 200, kPerLockNs = 10'000;
  if (timing.now_ns() < g_unexplained_due_ns) return;
  const uint64_t grace_ns = timing.wake_period_ns();
  uint64_t next_ns = 0;
  const size_t count = list_waited(age_ns(grace_ns, timing.now_ns()), sightings, &next_ns);
  if (count == 0) {
    g_unexplained_due_ns = std::min(next_ns, timing.now_ns()) + grace_ns;
    return;
  }
  sightings.walk();
  for (size_t i = 0; i < count; ++i) explain(g_waited[i], timing, reported, sightings, stuck);
  const uint64_t cost_ns = record_limit() * kPerRecordNs + count * kPerLockNs;
  g_unexplained_due_ns = timing.now_ns() + std::max(kShare * cost_ns, grace_ns / 2);
}

}  // namespace

void adopt_later() {
  g_is_attached.store(true, std::memory_order_relaxed);
  g_looks_wanted.store(kLooks, std::memory_order_release);
}

void look_after_adopted(const Timing& timing, const ReportedLocks& reported, Sightings& sightings, Suspects& stuck) {
  if (g_used > 0) check_adopted(timing);
  if (const int looks = g_looks_wanted.load(std::memory_order_acquire); looks > 0) {
    g_looks_wanted.store(looks - 1, std::memory_order_relaxed);
    for_each_thread(adopt_wait);
  }
  const uint64_t old_ns = age_ns(timing.smallest_limit_ns() / 2, timing.now_ns());
  if (g_sleeper_count > 0 && anything_is_held_since(old_ns)) look_after_sleepers();
  if (timing.smallest_limit_ns() != UINT64_MAX) look_for_unexplained(timing, reported, sightings, stuck);
}

bool adopt_unseen_waiters(LockWord lock) {
  return is_contended(lock) && adopt_sleepers(lock);
}

bool has_adopted() {
  return std::any_of(g_adopted, g_adopted + g_used, [](const Adopted& one) { return one.record != nullptr; });
}

bool adopted_since_attachment() {
  return g_is_attached.load(std::memory_order_relaxed);
}

const AdoptedHold* adopted_hold(const HoldView& hold) {
  if (!was_adopted(hold.sites[0].pc)) return nullptr;
  const ThreadRecord* record = record_at(hold.identity.record);
  const auto found = std::find_if(g_adopted, g_adopted + g_used, [&](const Adopted& one) {
    return one.record == record && !one.is_wait && one.record->index_of_slot(*one.slot) == hold.identity.slot;
  });
  return found == g_adopted + g_used ? nullptr : &found->hold;
}

void forget_adopted() {
  g_looks_wanted.store(0);
  for (size_t i = 0; i < g_used; ++i)
    if (g_adopted[i].record != nullptr) drop(g_adopted[i]);
  adopted_after_fork();
}

void adopted_after_fork() {
  g_is_attached.store(false, std::memory_order_relaxed);
  for (size_t i = 0; i < g_used; ++i) g_adopted[i].record = nullptr;
  g_used = g_next_check = 0;
  g_sleeper_count = g_next_sleeper = 0;
  g_unexplained_due_ns = 0;
}

}  // namespace holdwatch
