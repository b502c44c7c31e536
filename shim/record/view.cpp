// See view.h; the protocol that makes the copies consistent is described in thread_record.h.
#include "shim/record/view.h"

#include <algorithm>

#include "shim/common/kernel/copy_bytes.h"
#include "shim/record/thread_table.h"

namespace holdwatch {
namespace {

bool is_unchanged(const HeldSlot& slot, LockWord word, uint64_t number) {
  return LockWord(slot.word.load(std::memory_order_acquire)) == word &&
         slot.number.load(std::memory_order_acquire) == number;
}

// The slot's word while it is in the use that `identity` names, else an empty one.
LockWord word_of_use(const Identity& identity) {
  const HeldSlot* slot = record_at(identity.record)->slot(identity.slot);
  if (slot == nullptr) return {};
  const LockWord word(slot->word.load(std::memory_order_acquire));
  return slot->number.load(std::memory_order_acquire) == identity.number ? word : LockWord();
}

}  // namespace

void view_callers(const HeldSlot& slot, const CallerNotes& notes, HoldView* out) {
  const uintptr_t sp = slot.sp.load(std::memory_order_acquire);
  out->sites[0] = {slot.pc.load(std::memory_order_acquire), sp};
  const uint32_t noted = slot.noted();
  const uint32_t count = std::min<uint32_t>(noted & kSitesMask, kPackedSites);
  for (uint32_t i = 0; i < count; ++i) {
    const uint64_t packed = notes.sites[i].load(std::memory_order_acquire);
    out->sites[i + 1] = {packed & ((uint64_t{1} << 48) - 1), sp + (packed >> 48) * sizeof(uintptr_t)};
  }
  out->site_count = count + 1;
  out->word_count = std::min<uint32_t>(noted >> kWordsShift & kSitesMask, kNotedWords);
  for (uint32_t i = 0; i < out->word_count; ++i) out->words[i] = notes.sites[i].load(std::memory_order_acquire);
  out->bp = slot.bp.load(std::memory_order_acquire);
}
static_assert(kPackedSites + 1 <= kMaxCallSites);

namespace {

// Fills in the call site and callers of the hold that began in `first`, or those of the oldest level that has not been
// released.
bool view_site(const ThreadRecord& record, const HeldSlot& first, HoldView* out) {
  out->first_is_released = first.is_released();
  out->levels = first.depth() + (out->first_is_released ? 0 : 1);
  const HeldSlot* slot = out->first_is_released ? record.level_left(first) : &first;
  if (slot == nullptr) return false;
  const LockWord word(slot->word.load(std::memory_order_acquire));
  const uint64_t number = slot->number.load(std::memory_order_acquire);
  out->site = {out->identity.record, record.index_of_slot(*slot), number};
  view_callers(*slot, ThreadRecord::notes_of(*slot), out);
  return word.is_hold() && is_unchanged(*slot, word, number);
}

}  // namespace

bool view_hold(uint32_t record_index, uint32_t slot_index, HoldView* out) {
  const ThreadRecord& record = *record_at(record_index);
  const HeldSlot* slot = record.slot(slot_index);
  if (slot == nullptr) return false;
  const uint64_t number = slot->number.load(std::memory_order_acquire);
  const LockWord word(slot->word.load(std::memory_order_acquire));
  if (!word.is_hold()) return false;
  out->identity = {record_index, slot_index, number};
  out->word = word;
  out->tid = record.tid.load(std::memory_order_acquire);
  out->gone = record.state.load(std::memory_order_acquire) == RecordState::gone;
  out->since_ns = slot->since_ns.load(std::memory_order_acquire);
  const bool is_first_level = (slot->at_release() & kAgain) == 0;
  out->tsc = is_first_level ? slot->tsc.load(std::memory_order_acquire) : 0;
  out->stack_end = record.stack_end.load(std::memory_order_relaxed);
  return view_site(record, *slot, out) && is_unchanged(*slot, word, number);
}

bool view_wait(uint32_t record_index, WaitView* out) {
  const ThreadRecord& record = *record_at(record_index);
  const HeldSlot* newest = record.waiting();
  if (newest == nullptr) return false;
  const HeldSlot& slot = *newest;
  const uint64_t number = slot.number.load(std::memory_order_acquire);
  const LockWord word(slot.word.load(std::memory_order_acquire));
  if (!word.waiting()) return false;
  out->identity = {record_index, record.index_of_slot(slot), number};
  out->word = word.without_waiting();
  out->tid = record.tid.load(std::memory_order_acquire);
  out->since_ns = slot.since_ns.load(std::memory_order_acquire);
  out->caller = {slot.pc.load(std::memory_order_acquire), slot.sp.load(std::memory_order_acquire),
                 slot.bp.load(std::memory_order_acquire)};
  out->stack_end = record.stack_end.load(std::memory_order_relaxed);
  out->tries = 0;
  return is_unchanged(slot, word, number);
}

bool view_join(uint32_t record_index, JoinView* out) {
  const ThreadRecord& record = *record_at(record_index);
  const uint64_t state = record.join.state();
  if (!JoinNote::waits(state)) return false;
  out->record = record_index;
  out->state = state;
  out->tid = record.tid.load(std::memory_order_acquire);
  out->thread = record.join.thread();
  out->has_timeout = JoinNote::has_timeout(state);
  out->since_ns = record.join.since_ns();
  out->pc = record.join.pc();
  out->sp = record.join.sp();
  return join_lasts(*out);
}

bool join_lasts(const JoinView& join) {
  return record_at(join.record)->join.state() == join.state;
}

bool hold_lasts(const Identity& identity) {
  return word_of_use(identity).is_hold();
}

bool wait_lasts(const Identity& identity) {
  if (identity.slot == kPollSlot) return poll_lasts(identity.record, identity.number);
  return word_of_use(identity).waiting();
}

size_t copy_acquired_stack(const Identity& site, void* out, size_t size) {
  const ThreadRecord& record = *record_at(site.record);
  const HeldSlot* slot = record.slot(site.slot);
  size_t copied = 0;
  const unsigned char* copy = record.stack_copy(site.slot, &copied);
  if (slot == nullptr || copy == nullptr || (slot->noted() & kCopied) == 0) return 0;
  const size_t wanted = copied < size ? copied : size;
  copy_bytes(out, reinterpret_cast<uintptr_t>(copy), wanted);
  std::atomic_thread_fence(std::memory_order_acquire);
  return hold_lasts(site) ? wanted : 0;
}

}  // namespace holdwatch
