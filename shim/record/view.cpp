// See view.h; the protocol that makes the copies consistent is described in thread_record.h.
#include "shim/record/view.h"

#include <algorithm>

#include "shim/base/copy_bytes.h"
#include "shim/record/thread_table.h"

namespace holdwatch {

void view_callers(const HeldSlot& slot, HoldView* out) {
  const uintptr_t sp = slot.sp.load(std::memory_order_acquire);
  out->sites[0] = {slot.pc.load(std::memory_order_acquire), sp};
  const uint32_t callers = slot.callers.load(std::memory_order_acquire);
  const uint32_t count = std::min<uint32_t>(callers & kSitesMask, kPackedSites);
  for (uint32_t i = 0; i < count; ++i) {
    const uint64_t packed = slot.sites[i].load(std::memory_order_acquire);
    out->sites[i + 1] = {packed & ((uint64_t{1} << 48) - 1), sp + (packed >> 48) * sizeof(uintptr_t)};
  }
  out->site_count = count + 1;
  out->word_count = std::min<uint32_t>(callers >> kWordsShift & kSitesMask, kNotedWords);
  for (uint32_t i = 0; i < out->word_count; ++i) out->words[i] = slot.sites[i].load(std::memory_order_acquire);
  out->bp = slot.sites[kNotedWords].load(std::memory_order_acquire);
}
static_assert(kPackedSites + 1 <= kMaxCallSites);

bool view_hold(uint32_t record_index, uint32_t slot_index, HoldView* out) {
  ThreadRecord& record = *record_at(record_index);
  const HeldSlot* slot = record.slot(slot_index);
  if (slot == nullptr) return false;
  const uint64_t number = slot->number.load(std::memory_order_acquire);
  const uint64_t word = slot->word.load(std::memory_order_acquire);
  if (word == 0) return false;
  out->identity = {record_index, slot_index, number};
  out->word = LockWord(word);
  out->tid = record.tid.load(std::memory_order_acquire);
  out->gone = record.state.load(std::memory_order_acquire) == RecordState::gone;
  out->since_ns = slot->since_ns.load(std::memory_order_acquire);
  out->tsc = slot->tsc.load(std::memory_order_acquire);
  out->depth = slot->depth.load(std::memory_order_acquire);
  view_callers(*slot, out);
  out->stack_end = record.stack_end.load(std::memory_order_relaxed);
  return slot->word.load(std::memory_order_acquire) == word && slot->number.load(std::memory_order_acquire) == number;
}

bool view_wait(uint32_t record_index, WaitView* out) {
  ThreadRecord& record = *record_at(record_index);
  const WaitingSlot& slot = record.waiting();
  const uint64_t number = slot.number.load(std::memory_order_acquire);
  const uint64_t word = slot.word.load(std::memory_order_acquire);
  if (word == 0) return false;
  out->identity = {record_index, 0, number};
  out->word = LockWord(word);
  out->tid = record.tid.load(std::memory_order_acquire);
  out->since_ns = slot.since_ns.load(std::memory_order_acquire);
  out->caller = {slot.pc.load(std::memory_order_acquire), slot.sp.load(std::memory_order_acquire),
                 slot.bp.load(std::memory_order_acquire)};
  out->stack_end = record.stack_end.load(std::memory_order_relaxed);
  return slot.word.load(std::memory_order_acquire) == word && slot.number.load(std::memory_order_acquire) == number;
}

bool hold_lasts(const Identity& identity) {
  const HeldSlot* slot = record_at(identity.record)->slot(identity.slot);
  return slot != nullptr && slot->word.load(std::memory_order_acquire) != 0 &&
         slot->number.load(std::memory_order_acquire) == identity.number;
}

bool wait_lasts(const Identity& identity) {
  const WaitingSlot& slot = record_at(identity.record)->waiting();
  return slot.word.load(std::memory_order_acquire) != 0 &&
         slot.number.load(std::memory_order_acquire) == identity.number;
}

size_t copy_acquired_stack(const Identity& identity, void* out, size_t size) {
  ThreadRecord& record = *record_at(identity.record);
  const HeldSlot* slot = record.slot(identity.slot);
  const unsigned char* copy = record.stack_copy(identity.slot);
  if (slot == nullptr || copy == nullptr || (slot->callers.load(std::memory_order_acquire) & kCopied) == 0) return 0;
  const size_t copied = slot->copy_size.load(std::memory_order_acquire);
  const size_t wanted = copied < size ? copied : size;
  copy_bytes(out, reinterpret_cast<uintptr_t>(copy), wanted);
  std::atomic_thread_fence(std::memory_order_acquire);
  return hold_lasts(identity) ? wanted : 0;
}

}  // namespace holdwatch
