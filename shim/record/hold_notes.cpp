// See hold_notes.h.
#include "shim/record/hold_notes.h"

#include <algorithm>

#include "shim/base/clock.h"
#include "shim/common/kernel/copy_bytes.h"
#include "shim/record/callers.h"
#include "shim/record/spare_memory.h"
#include "shim/record/stamp.h"

namespace holdwatch {

uintptr_t g_main_frames_end = 0;

namespace {

void copy_stack(OwnerRecord& record, HeldSlot& slot, size_t most) {
  const size_t index = record.index_of_slot(slot);
  if (index >= kInlineSlots) return;
  StackCopies* memory = record.copies.load(std::memory_order_relaxed);
  if (memory == nullptr) {
    memory = static_cast<StackCopies*>(take_spare(SpareKind::stack_copies));
    if (memory == nullptr) return;
    record.copies.store(memory, std::memory_order_release);
  }
  const uintptr_t end = record.stack_end.load(std::memory_order_relaxed);
  const uintptr_t sp = slot.sp.load(std::memory_order_relaxed);
  const uintptr_t available = std::min(end - sp, g_main_frames_end - sp);
  const size_t size = std::min(available, most);
  // Pairs with the reader's fence in copy_acquired_stack: a reader that reads a byte of this copy sees that the old
  // hold ended.
  std::atomic_thread_fence(std::memory_order_release);
  copy_bytes(memory->bytes[index], sp, size);
  memory->sizes[index].store(static_cast<uint32_t>(size), std::memory_order_release);
  slot.set_noted(slot.noted() | kCopied);
}

[[gnu::noinline]] void copy_every_stack(OwnerRecord& record, HeldSlot& slot) {
  const Caller caller = OwnerRecord::caller_of(slot);
  const uint32_t noted = slot.noted();
  if ((noted & kCopied) != 0 || !record.is_on_thread_stack(caller.sp)) return;
  // A site about which nothing is known yet has few holds, so its whole stack is copied for the first report.
  const bool is_new = (slot.at_release() & kUnsettled) != 0;
  copy_stack(record, slot, is_new ? kStackCopySize : kUsualCopySize);
}

[[gnu::always_inline]] inline void note_callers_slow(OwnerRecord& record, HeldSlot& slot) {
  const Caller caller = OwnerRecord::caller_of(slot);
  const Site site = site_of(caller.pc);
  if (site.kind == SiteKind::stays || !record.is_on_thread_stack(caller.sp)) return;
  const uint32_t links = site.is_settled && site.links != 0 ? site.links : kPackedSites;
  const uint32_t noted =
      note_callers(record.caller_notes(slot), caller, record.stack_end.load(std::memory_order_relaxed), links);
  slot.set_noted(noted);
  if (!site.is_settled) {
    slot.set_at_release(slot.at_release() | kUnsettled);
    // Few holds come from such a site: dating them exactly costs too little to matter.
    slot.since_ns.store(exact_stamp(slot.since_ns.load(std::memory_order_relaxed)), std::memory_order_release);
  }
  if (site.kind == SiteKind::copies) copy_stack(record, slot, kStackCopySize);
}

[[gnu::noinline]] void settle_noted_slow(OwnerRecord& record, HeldSlot& slot, LockWord lock) {
  note_callers_slow(record, slot);
  slot.word.store(lock.bits(), std::memory_order_release);
}

// The counter is read last: what comes before it runs while the lock's own instruction waits for the cache.
[[gnu::noinline]] void settle_with_extras_slow(OwnerRecord& record, HeldSlot& slot, LockWord lock) {
  const uint32_t extras = g_clock_line.extras.load(std::memory_order_relaxed);
  if (!site_stays_if_noted(slot.pc.load(std::memory_order_relaxed))) note_callers_slow(record, slot);
  if ((extras & kCopyAlways) != 0) copy_every_stack(record, slot);
  if ((extras & kReadTsc) != 0) slot.tsc.store(read_tsc(), std::memory_order_release);
  slot.word.store(lock.bits(), std::memory_order_release);
}

void settle_noted(OwnerRecord& record, HeldSlot& slot, LockWord lock) {
  return g_clock_line.extras.load(std::memory_order_relaxed) == 0 ? settle_noted_slow(record, slot, lock)
                                                                  : settle_with_extras_slow(record, slot, lock);
}

// For processes with few lock calls.
[[gnu::noinline]] void settle_now_slow(OwnerRecord& record, HeldSlot& slot, LockWord lock) {
  slot.since_ns.store(stamp_slow(), std::memory_order_release);
  settle_noted(record, slot, lock);
}

}  // namespace

void settle(OwnerRecord& record, HeldSlot& slot, LockWord lock) {
  const uint64_t settled_ns = g_clock_line.settled_ns.load(std::memory_order_relaxed);
  if (settled_ns == 0) [[unlikely]]
    return settle_now_slow(record, slot, lock);
  slot.since_ns.store(settled_ns, std::memory_order_release);
  if (!site_stays(slot.pc.load(std::memory_order_relaxed))) return settle_noted(record, slot, lock);
  slot.word.store(lock.bits(), std::memory_order_release);
}

// A frame that has returned cannot be the caller of the unlock, unless the unlock is the last call of its function and
// the compiler made it a jump (a tail call): then it returns to where that function would have. A frame that seems to
// be still there may be another one, if a guard's destructor has a frame of the same size as its constructor had: then
// changed words of the callers show it.
void learn_site(const OwnerRecord& record, const HeldSlot& slot, const Caller& caller) {
  if ((slot.at_release() & kUnsettled) == 0) return;
  const CallerNotes& notes = OwnerRecord::notes_of(slot);
  const bool became_jump = was_noted(slot, notes, caller);
  const bool is_lower = caller.sp <= slot.sp.load(std::memory_order_relaxed) || became_jump;
  // Below the place that a tail call leaves at the top of the stack, there are already frames of ours.
  const uintptr_t lowest = became_jump ? caller.sp - sizeof(uintptr_t) : 0;
  const uint32_t changed = changed_callers(slot, notes, lowest, record.stack_end.load(std::memory_order_relaxed));
  const uintptr_t pc = slot.pc.load(std::memory_order_relaxed);
  if (changed == 0 && is_lower) return note_site(pc, SiteKind::stays);
  // The outermost changed caller leads into a frame that is still there, where the live stack continues.
  const bool has_links = (slot.noted() & kSitesMask) != 0;
  note_site(pc, SiteKind::returns, has_links ? std::max(changed, kFewestLinks) : 0);
}

}  // namespace holdwatch
