// See inference.h.
#include "shim/inspection/inference.h"

#include <sys/syscall.h>

#include <algorithm>
#include <ctime>

#include "shim/base/clock.h"
#include "shim/base/clock_line.h"
#include "shim/common/glibc/futex_wait.h"
#include "shim/common/glibc/thread_descriptor.h"
#include "shim/common/kernel/system_call.h"
#include "shim/inspection/blocked_thread.h"
#include "shim/inspection/capture.h"
#include "shim/inspection/earlier_sleeps.h"
#include "shim/inspection/joined_thread.h"
#include "shim/inspection/local_memory.h"
#include "shim/inspection/ownership.h"
#include "shim/inspection/task_files.h"
#include "shim/inspection/waiting_call.h"
#include "shim/record/acquire_slow.h"
#include "shim/record/owner_record.h"
#include "shim/record/thread_table.h"
#include "shim/record/view_walk.h"

namespace holdwatch {
namespace {

constinit Inferred g_inferred[kMaxInferred] = {};
size_t g_used = 0;  // entries ever used

Inferred* free_entry() {
  for (size_t i = 0; i < g_used; ++i)
    if (g_inferred[i].record == nullptr) return &g_inferred[i];
  return g_used < kMaxInferred ? &g_inferred[g_used++] : nullptr;
}

// The record with what was inferred about the thread already, or null.
OwnerRecord* record_of(int tid) {
  for (size_t i = 0; i < g_used; ++i)
    if (g_inferred[i].record != nullptr && g_inferred[i].tid() == tid) return g_inferred[i].record;
  return nullptr;
}

// When a thread cannot have acquired the lock, or begun to wait, any later: since before it slept, or else now.
uint64_t stamp_of(const Inferred& inferred) {
  const bool is_here = inferred.hold.place.where == Whereabouts::here;
  const uint64_t since_ns = is_here ? asleep_since_ns(inferred.tid()) : 0;
  if (since_ns != 0) return (since_ns & ~uint64_t{kStampBits}) | kExact;
  return g_clock_line.tick_ns.load(std::memory_order_relaxed);
}

// Publishes in the thread's inferred record that it waits for the lock, or holds it.
bool publish(Inferred& inferred) {
  OwnerRecord& record = *inferred.record;
  const uint64_t stamp = stamp_of(inferred);
  inferred.slot = begin_wait_slow(record, inferred.word, {0, 0, 0}, stamp);
  if (inferred.slot == nullptr) return false;
  if (!inferred.is_wait) hold_waited_slow(record, *inferred.slot, inferred.word);
  inferred.slot->since_ns.store(stamp, std::memory_order_relaxed);
  return true;
}

// The descriptor of the thread for whose end that call waits, without a timeout; 0 if it does not.
uintptr_t descriptor_joined_in(const SyscallFile& place) {
  const std::optional<FutexWait> wait = futex_wait(place.call);
  if (!wait || wait->inherits || wait->has_timeout) return 0;
  const uintptr_t descriptor = wait->word - kDescriptorTid;
  uintptr_t self = 0;
  const size_t got = read_local_memory(descriptor + kDescriptorSelf, &self, sizeof self);
  return got == sizeof self && is_descriptor(descriptor, self) ? descriptor : 0;
}

// The hold of the thread that the lock names by this id, or null.
Inferred* find_inferred_owner(int id, LockWord word) {
  Inferred* const found = std::find_if(g_inferred, g_inferred + g_used, [&](const Inferred& one) {
    return one.record != nullptr && one.hold.place.named() == id && !one.is_wait && one.word.is_same_lock(word);
  });
  return found == g_inferred + g_used ? nullptr : found;
}

// Locks that name an owner who may be one thread or another, the latest ones.
struct UnclearOwner {
  uintptr_t lock;
  int owner;
};
constexpr size_t kMaxUnclear = 16;
constinit UnclearOwner g_unclear[kMaxUnclear] = {};
size_t g_next_unclear = 0;

UnclearOwner* find_unclear(uintptr_t lock) {
  UnclearOwner* const found =
      std::find_if(g_unclear, g_unclear + kMaxUnclear, [lock](const UnclearOwner& one) { return one.lock == lock; });
  return found == g_unclear + kMaxUnclear ? nullptr : found;
}

void note_unclear(uintptr_t lock, int owner) {
  UnclearOwner* const known = find_unclear(lock);
  if (known == nullptr && owner == 0) return;
  (known != nullptr ? *known : g_unclear[g_next_unclear++ % kMaxUnclear]) = {lock, owner};
}

bool began_after(int tid, uint64_t monotonic_time_ns) {
  uint64_t started_ns = 0;
  const uint64_t ago_ns = monotonic_ns() - monotonic_time_ns;
  const int pid = static_cast<int>(system_call(SYS_getpid));
  return read_start_time(pid, tid, &started_ns) == 0 && started_ns > clock_ns(CLOCK_BOOTTIME) - ago_ns;
}

// Whether a thread has slept for the lock since before the owner began: so the id in the lock is likely that of an earlier thread.
bool is_younger_than_waiter(const OwnerPlace& place, LockWord lock) {
  bool found = false;
  if (place.where != Whereabouts::here) return false;
  for_each_wait(UINT64_MAX, [&](const WaitView& wait) {
    if (found || !wait.word.is_same_lock(lock)) return;
    const uint64_t since_ns = asleep_since_ns(wait.tid);
    found = since_ns != 0 && began_after(place.tid, since_ns);
  });
  return found;
}

// To find the owner of a lock that processes share takes a look at each of them: at most one fiftieth of the time.
OwnerPlace find_owner_in_time(int owner, LockWord lock, uint64_t waited_since_ns) {
  constexpr uint64_t kShare = 50;
  static uint64_t due_ns = 0;
  if (!is_process_shared(lock)) {
    const OwnerPlace place = find_owner(owner, lock, waited_since_ns);
    return is_younger_than_waiter(place, lock) ? OwnerPlace{} : place;
  }
  const uint64_t began_ns = monotonic_ns();
  if (began_ns < due_ns) return {};
  OwnerPlace place = find_owner(owner, lock, waited_since_ns);
  const uint64_t ended_ns = monotonic_ns();
  due_ns = ended_ns + kShare * (ended_ns - began_ns);
  if (is_refuted_owner(place, lock)) place = {};
  note_unclear(lock.address(), place.where == Whereabouts::unknown ? owner : 0);
  return place;
}

}  // namespace

Inferred* begin_inferred() {
  return g_inferred;
}

Inferred* end_inferred() {
  return g_inferred + g_used;
}

void clear_inferred() {
  for (size_t i = 0; i < g_used; ++i) g_inferred[i].record = nullptr;
  g_used = 0;
}

Inferred* find_inferred(int tid, LockWord word, bool is_wait) {
  Inferred* const found = std::find_if(g_inferred, g_inferred + g_used, [&](const Inferred& one) {
    return one.record != nullptr && one.tid() == tid && one.is_wait == is_wait && one.word.is_same_lock(word);
  });
  return found == g_inferred + g_used ? nullptr : found;
}

OwnerPlace place_of(uint32_t record) {
  const ThreadRecord* const wanted = record_at(record);
  for (size_t i = 0; i < g_used; ++i)
    if (g_inferred[i].record == wanted) return g_inferred[i].hold.place;
  return {Whereabouts::here, wanted->tid.load(std::memory_order_acquire)};
}

Identity identity_of(const Inferred& inferred) {
  return {index_of(*inferred.record), inferred.record->index_of_slot(*inferred.slot),
          inferred.slot->number.load(std::memory_order_acquire)};
}

void drop(Inferred& inferred) {
  OwnerRecord& record = *inferred.record;
  inferred.record = nullptr;
  record.drop(*inferred.slot);
  if (record_of(inferred.tid()) == nullptr) return_inferred_record(record);
}

void begin_again(Inferred& inferred) {
  inferred.record->drop(*inferred.slot);
  if (!publish(inferred)) drop(inferred);
}

void date_back_inferred() {
  for (Inferred* inferred = begin_inferred(); inferred != end_inferred(); ++inferred) {
    if (inferred->record == nullptr) continue;
    const uint64_t stamp = stamp_of(*inferred);
    if (stamp >= inferred->slot->since_ns.load(std::memory_order_relaxed)) continue;
    inferred->slot->since_ns.store(stamp, std::memory_order_relaxed);
    if (inferred->is_wait) continue;
    inferred->record->join.clear();
    note_join(*inferred);
  }
}

Inferred* find_inferred(const Identity& hold) {
  const ThreadRecord* record = record_at(hold.record);
  Inferred* const found = std::find_if(g_inferred, g_inferred + g_used, [&](const Inferred& one) {
    return one.record == record && !one.is_wait && one.record->index_of_slot(*one.slot) == hold.slot;
  });
  return found == g_inferred + g_used ? nullptr : found;
}

bool is_recorded(int tid, LockWord word) {
  bool found = false;
  for_each_hold(UINT64_MAX, [&](const HoldView& hold) {
    found |= hold.tid == tid && !is_inferred(hold.sites[0].pc) && hold.word.is_same_lock(word);
  });
  return found;
}

bool waits_by_record(int tid) {
  bool found = false;
  for_each_wait(UINT64_MAX, [&](const WaitView& wait) { found |= wait.tid == tid; });
  return found;
}

bool is_refuted_owner(const OwnerPlace& place, LockWord lock) {
  if (place.where != Whereabouts::here || !place.likely) return false;
  bool waits = false;
  for_each_wait(UINT64_MAX,
                [&](const WaitView& wait) { waits |= wait.tid == place.tid && wait.word.is_same_lock(lock); });
  return waits || !inferred_since_attachment(lock);
}

Inferred* infer(const OwnerPlace& place, LockWord word, bool is_wait) {
  Inferred* inferred = free_entry();
  if (inferred == nullptr) return nullptr;
  OwnerRecord* record = record_of(place.tid);
  if (record == nullptr) {
    SyscallFile file;
    const bool has_stack = place.where == Whereabouts::here && read_syscall_file(place.tid, &file) == 0;
    record = make_inferred_record(place.tid, has_stack ? mapped_around(file.sp, MappedAs::stack).end : 0);
  }
  if (record == nullptr) return nullptr;
  record->gone_name[0] = '\0';  // it was another thread's
  *inferred = {record, nullptr, word, is_wait, {place, false, false}, {}, 0};
  if (!publish(*inferred)) inferred->record = nullptr;
  return inferred->record == nullptr ? nullptr : inferred;
}

Inferred* infer_owner(LockWord lock, uint64_t waited_since_ns) {
  LockWord held;
  const int owner = owner_of(lock, &held);
  if (owner == 0) return nullptr;
  if (Inferred* known = find_inferred_owner(owner, held); known != nullptr) return known;
  const OwnerPlace place = find_owner_in_time(owner, lock, waited_since_ns);
  if (Inferred* known = find_inferred(place.tid, held, false); known != nullptr) return known;
  if (place.where == Whereabouts::unknown || is_recorded(place.tid, held)) return nullptr;
  Inferred* inferred = infer(place, held, false);
  if (inferred != nullptr && !is_gone(place.where)) inferred->still.begin(place.pid, place.tid, held);
  if (inferred != nullptr) note_join(*inferred);
  return inferred;
}

int unclear_owner(LockWord lock) {
  LockWord held;
  const UnclearOwner* const noted = find_unclear(lock.address());
  return noted != nullptr && noted->owner == owner_of(lock, &held) ? noted->owner : 0;
}

void note_join(Inferred& hold) {
  SyscallFile place;
  if (hold.hold.place.where != Whereabouts::here || read_syscall_file(hold.tid(), &place) != 0) return;
  const uintptr_t thread = descriptor_joined_in(place);
  if (thread == 0 || JoinNote::waits(hold.record->join.state())) return;
  hold.record->join.begin(thread, false, stamp_of(hold), 0, 0);
}

void forget_ended_join(Inferred& hold) {
  JoinView join;
  if (view_join(index_of(*hold.record), &join) && joined_thread(join) == 0) hold.record->join.clear();
}

void infer_stream_wait(int tid) {
  SyscallFile place;
  LockWord stream;
  if (read_syscall_file(tid, &place) != 0 || !stream_waited_for(place, &stream) || waits_by_record(tid)) return;
  infer({Whereabouts::here, tid}, stream, true);
}

bool infer_sleepers(LockWord lock) {
  bool any = false;
  const Sleepers sleepers = sleepers_for(lock);
  for (size_t i = 0; i < sleepers.count; ++i) {
    SyscallFile place;
    const int tid = sleepers.tids[i];
    if (waits_by_record(tid) || read_syscall_file(tid, &place) != 0 || !sleeps_for(place, lock)) continue;
    any |= infer({Whereabouts::here, tid}, wanted_of(place, lock), true) != nullptr;
  }
  return any;
}

}  // namespace holdwatch
