// See ended_holds.h. A fixed set of entries, claimed by compare-and-swap: there is no order to keep, and an overlong
// hold is rare enough for a search.
#include "shim/record/ended_holds.h"

#include <algorithm>

#include "shim/base/clock.h"
#include "shim/common/kernel/copy_bytes.h"
#include "shim/record/call_sites.h"
#include "shim/record/current_record.h"
#include "shim/record/hand_over.h"
#include "shim/record/thread_table.h"

namespace holdwatch {
namespace {

constinit EndedHold g_entries[32] = {};

// As many as the watch knows to be explained by another report (watch/behind_holds.h), which may all end with it. In a ring, so
// that no unlock searches for a free one; the pages that it never reached are not touched.
struct BriefEntry {
  std::atomic<EndedHold::State> state{EndedHold::State::free};  // never `taken`
  HoldEnd end;
};
constexpr uint32_t kBriefEntries = 4096;
constinit BriefEntry g_brief[kBriefEntries] = {};
std::atomic<uint32_t> g_brief_used{0};  // next to be claimed, modulo their number
std::atomic<uint32_t> g_brief_ready{0};
uint32_t g_brief_taken = 0;  // next to be taken; the watcher's own
// Return addresses of unlocks that were noted as strays.
constinit std::atomic<uintptr_t> g_stray_places[64] = {};
std::atomic<uint32_t> g_ready{0};  // entries that are ready: a scan need not touch the page of each entry
std::atomic<uint64_t> g_lost{0};

Identity identity_of(const ThreadRecord& record, const HeldSlot& slot) {
  return {index_of(record), record.index_of_slot(slot), slot.number.load(std::memory_order_relaxed)};
}

void copy_hold(const ThreadRecord& record, LockWord lock, const HeldSlot& first, const HeldSlot& last, HoldView* out) {
  out->identity = identity_of(record, first);
  out->word = lock;
  out->tid = record.tid.load(std::memory_order_relaxed);
  out->gone = false;
  out->since_ns = first.since_ns.load(std::memory_order_relaxed);
  out->tsc = first.tsc.load(std::memory_order_relaxed);
  out->levels = 1;
  out->first_is_released = &first != &last;
  out->site = identity_of(record, last);
  view_callers(last, ThreadRecord::notes_of(last), out);
  out->stack_end = record.stack_end.load(std::memory_order_relaxed);
}

// A hold that is certainly below its limit gets no lock id.
bool may_be_over(const HoldView& hold, uint64_t released_ns) {
  const auto access = static_cast<size_t>(hold.word.access());
  return released_ns - earliest_start_ns(hold) >= g_clock_line.limit_ns[access].load(std::memory_order_relaxed);
}

// The copy of the stack at the acquisition, if there is one.
size_t copy_acquired(const ThreadRecord& record, const HeldSlot& slot, unsigned char (&out)[kStackCopySize]) {
  size_t size = 0;
  const unsigned char* copy = record.stack_copy(record.index_of_slot(slot), &size);
  if (copy == nullptr || (slot.noted() & kCopied) == 0) return 0;
  copy_bytes(out, reinterpret_cast<uintptr_t>(copy), size);
  return size;
}

// Whether the noted callers end before the frame that releases the lock. For a trusted site nothing was noted.
bool callers_are_lost(const HoldView& hold, const Caller& caller) {
  if (hold.word_count == 0 && hold.site_count < 2) return false;
  const CallSite& last = hold.sites[hold.site_count - 1];
  return caller.sp > last.sp + 2 * hold.word_count * sizeof(uintptr_t);
}

// One that is now `writing`; null if there is none.
EndedHold* claim_entry() {
  for (EndedHold& entry : g_entries) {
    auto expected = EndedHold::State::free;
    if (entry.state.compare_exchange_strong(expected, EndedHold::State::writing, std::memory_order_acquire))
      return &entry;
  }
  return nullptr;
}

// Adds where the thread is now, and passes the entry on.
void hand_over(EndedHold& entry, const OwnerRecord& record, const Caller& caller) {
  entry.caller = caller;
  const uintptr_t available = entry.hold.stack_end - caller.sp;
  const bool on_thread_stack = available <= record.stack_span.load(std::memory_order_relaxed);
  entry.stack_size = !on_thread_stack ? 0 : available < sizeof entry.stack ? available : sizeof entry.stack;
  copy_bytes(entry.stack, caller.sp, entry.stack_size);
  entry.state.store(EndedHold::State::ready, std::memory_order_release);
  g_ready.fetch_add(1, std::memory_order_release);
}

void hand_over_briefly(const ThreadRecord& record, LockWord lock, const HeldSlot& first) {
  BriefEntry& entry = g_brief[g_brief_used.fetch_add(1, std::memory_order_relaxed) % kBriefEntries];
  auto expected = EndedHold::State::free;
  if (!entry.state.compare_exchange_strong(expected, EndedHold::State::writing, std::memory_order_acquire))
    return count_lost_hold();
  entry.end = {identity_of(record, first), lock, first.since_ns.load(std::memory_order_relaxed), monotonic_ns()};
  entry.state.store(EndedHold::State::ready, std::memory_order_release);
  g_brief_ready.fetch_add(1, std::memory_order_release);
}

// True also where there is no room for another one.
bool is_noted_place(uintptr_t pc) {
  for (const std::atomic<uintptr_t>& place : g_stray_places) {
    const uintptr_t known = place.load(std::memory_order_relaxed);
    if (known == pc) return true;
    if (known == 0) return false;
  }
  return true;
}

// False if another thread has noted it meanwhile, or has taken the room.
bool note_place(uintptr_t pc) {
  for (std::atomic<uintptr_t>& place : g_stray_places) {
    uintptr_t known = 0;
    if (place.compare_exchange_strong(known, pc, std::memory_order_relaxed)) return true;
    if (known == pc) return false;
  }
  return false;
}

}  // namespace

void hand_over_slow(OwnerRecord& record, LockWord lock, const HeldSlot& first, const HeldSlot& last,
                    const Caller& caller) {
  EndedHold* const entry = claim_entry();
  if (entry == nullptr) return hand_over_briefly(record, lock, first);
  entry->is_stray = false;
  copy_hold(record, lock, first, last, &entry->hold);
  entry->released_ns = monotonic_ns();
  entry->acquired_size = copy_acquired(record, last, entry->acquired);
  const bool is_reported = may_be_over(entry->hold, entry->released_ns);
  entry->lock = is_reported ? lock_tag_at_once(entry->hold.word.address()) : LockTag{};
  if (is_reported && entry->acquired_size == 0 && callers_are_lost(entry->hold, caller))
    try_copies(entry->hold.sites[0].pc);
  hand_over(*entry, record, caller);
}

// A thread whose first lock call this is gets its record here: the record knows its stack.
void note_stray_unlock_slow(LockWord lock, const Caller& caller) {
  if (t_mode != ThreadMode::recording) return;
  OwnerRecord* record = current_record();
  if (record == nullptr) record = register_thread_slow();
  if (record == nullptr || is_noted_place(caller.pc)) return;
  EndedHold* const entry = claim_entry();
  if (entry == nullptr) return;  // it is noted the next time
  if (!note_place(caller.pc)) return free_ended_hold(entry);
  entry->is_stray = true;
  entry->hold = HoldView{};
  entry->hold.identity = {index_of(*record), UINT32_MAX, 0};
  entry->hold.word = lock;
  entry->hold.tid = record->tid.load(std::memory_order_relaxed);
  entry->hold.sites[0] = {caller.pc, caller.sp};  // not from before the attachment, nor unseen
  entry->hold.stack_end = record->stack_end.load(std::memory_order_relaxed);
  entry->released_ns = monotonic_ns();
  entry->acquired_size = 0;
  entry->lock = lock_tag_at_once(lock.address());
  hand_over(*entry, *record, caller);
}

EndedHold* take_ended_hold() {
  if (g_ready.load(std::memory_order_acquire) == 0) return nullptr;
  EndedHold* oldest = nullptr;
  for (EndedHold& entry : g_entries) {
    if (entry.state.load(std::memory_order_acquire) != EndedHold::State::ready) continue;
    if (oldest == nullptr || entry.released_ns < oldest->released_ns) oldest = &entry;
  }
  if (oldest == nullptr) return nullptr;
  oldest->state.store(EndedHold::State::taken, std::memory_order_relaxed);
  g_ready.fetch_sub(1, std::memory_order_relaxed);
  return oldest;
}

void free_ended_hold(EndedHold* entry) {
  entry->state.store(EndedHold::State::free, std::memory_order_release);
}

// In the order in which they were claimed, but for those that are being written.
bool take_brief_end(HoldEnd* out) {
  if (g_brief_ready.load(std::memory_order_acquire) == 0) return false;
  for (uint32_t passed = 0; passed < kBriefEntries; ++passed) {
    BriefEntry& entry = g_brief[g_brief_taken++ % kBriefEntries];
    if (entry.state.load(std::memory_order_acquire) != EndedHold::State::ready) continue;
    *out = entry.end;
    entry.state.store(EndedHold::State::free, std::memory_order_release);
    g_brief_ready.fetch_sub(1, std::memory_order_relaxed);
    return true;
  }
  return false;
}

void drop_ended_holds() {
  while (EndedHold* ended = take_ended_hold()) free_ended_hold(ended);
  HoldEnd end;
  while (take_brief_end(&end)) {
  }
}

void ended_holds_after_fork() {
  for (EndedHold& entry : g_entries)  // a store would make a page of its own for each entry that was never used
    if (entry.state.load(std::memory_order_relaxed) != EndedHold::State::free)
      entry.state.store(EndedHold::State::free, std::memory_order_relaxed);
  g_ready.store(0, std::memory_order_relaxed);
  const uint32_t brief = std::min(g_brief_used.load(std::memory_order_relaxed), kBriefEntries);
  for (uint32_t i = 0; i < brief; ++i) g_brief[i].state.store(EndedHold::State::free, std::memory_order_relaxed);
  g_brief_used.store(0, std::memory_order_relaxed);
  g_brief_ready.store(0, std::memory_order_relaxed);
  g_brief_taken = 0;
}

void count_lost_hold() {
  g_lost.fetch_add(1, std::memory_order_relaxed);
}

uint64_t ended_holds_lost() {
  return g_lost.load(std::memory_order_relaxed);
}

}  // namespace holdwatch
