// See slot_stack.h. Hot context as well (inside lock calls): no allocation, no lock.
#include "shim/record/slot_stack.h"

#include <algorithm>
#include <initializer_list>

#include "shim/record/spare_memory.h"
#include "shim/record/thread_table.h"

namespace holdwatch {
namespace {

// For a hold that has ended.
void forget_notes(HeldSlot& slot) {
  slot.notes.store(0, std::memory_order_release);
}

}  // namespace

HeldSlot* SlotStack::find(uintptr_t address) {
  const auto search = [&]() -> HeldSlot* {
    for (HeldSlot* slot = next_below(top()); slot != nullptr; slot = next_below(slot)) {
      const LockWord word = word_of(*slot);
      if (word.is_lock_at(address) && !word.is_no_hold()) return slot;
    }
    return nullptr;
  };
  if (HeldSlot* slot = search(); slot != nullptr) [[likely]]
    return slot;
  skip_used_top();
  return search();
}

HeldSlot* SlotStack::next_below_of(const HeldSlot* slot, LockWord lock) {
  HeldSlot* older = next_below(slot);
  while (older != nullptr && !(word_of(*older).is_hold() && word_of(*older).is_same_lock(lock)))
    older = next_below(older);
  return older;
}

// The slot below `slot`, if need be in the previous block; null below the first.
HeldSlot* SlotStack::next_below(const HeldSlot* slot) {
  if (is_block_start(slot)) slot = older_block_end(slot);
  return slot == nullptr ? nullptr : below(slot);
}

bool SlotStack::has_level_of(uintptr_t address) {
  for (HeldSlot* slot = next_below(top()); slot != nullptr; slot = next_below(slot))
    if (word_of(*slot).is_lock_at(address)) return true;
  return false;
}

// The end of the slots of the previous block, before the one that begins with `first`; null if `first` begins the first.
HeldSlot* SlotStack::older_block_end(const HeldSlot* first) {
  if (first == slots_) return nullptr;
  OverflowBlock* blocks = overflow.load(std::memory_order_relaxed)->blocks;
  return first == blocks[0].slots
             ? slots_ + kInlineSlots
             : reinterpret_cast<OverflowBlock*>(reinterpret_cast<uintptr_t>(first) - kCacheLine)[-1].slots +
                   kBlockSlots;
}

void SlotStack::drop(HeldSlot& slot) {
  const bool is_top = &slot + 1 == top();
  slot.word.store(is_top ? 0 : LockWord::hole().bits(), std::memory_order_release);
  forget_notes(slot);
  if (is_top) set_top(&slot);
  // If the block has become empty, the top moves to the end of the previous block.
  if (is_block_start(top()) || (is_top && word_below(top()).is_hole())) pop_slow();
}

// Removes the holes below the top, and an empty block.
void SlotStack::pop_slow() {
  HeldSlot* top_slot = top();
  while (true) {
    if (is_block_start(top_slot)) {
      HeldSlot* older = older_block_end(top_slot);
      // The top does not move to a block that is full: the next lock call would have to move it forward again at once.
      if (older == nullptr || !word_below(older).is_hole()) break;
      top_slot = older;
    }
    if (!word_below(top_slot).is_hole()) break;
    --top_slot;
    top_slot->word.store(0, std::memory_order_release);
    forget_notes(*top_slot);
  }
  set_top(top_slot);
}

HeldSlot* SlotStack::take_slot_slow(uintptr_t sp) {
  skip_used_top();
  drop_left_over_calls(sp);
  // Holes are used last: in a hole, a newer hold would be below an older one.
  HeldSlot* slot = is_block_end(top()) ? next_block_slow() : top();
  if (slot == nullptr) return take_hole_slow();
  take_top(*slot);
  return slot;
}

// A signal handler may have released a slot that was just being taken when it interrupted, and that was filled when it
// returned.
void SlotStack::skip_used_top() {
  while (!is_block_end(top()) && !word_of(*top()).empty()) set_top(top() + 1);
}

// A lock call has begun and not ended, yet its thread makes another one: either in a signal handler that has
// interrupted it, or because a handler jumped out of it (siglongjmp). The interrupted call has published a wait, or
// nothing yet, or has already removed what it had published.
void SlotStack::drop_left_over_calls(uintptr_t sp) {
  while (word_below(top()).is_no_hold()) {
    HeldSlot& call = *below(top());
    if (!word_of(call).is_hole() && !was_jumped_out_of(call, sp)) return;
    drop(call);
  }
}

// A handler's frames lie below those that it interrupted, unless it has a stack of its own, which may be anywhere; but
// as long as the call has not been left, its return address stands where it was. A call stores its stack pointer first;
// until then the slot contains that of an older call. If this makes the interrupted call look as if it had been left, a
// handler may still use the slot, because the interrupted call has yet to fill all of it.
bool SlotStack::was_jumped_out_of(const HeldSlot& call, uintptr_t sp) const {
  const uintptr_t call_sp = call.sp.load(std::memory_order_relaxed);
  if (!is_on_thread_stack(sp) || !is_on_thread_stack(call_sp) || call_sp > sp) return false;
  const uintptr_t return_address = *reinterpret_cast<const uintptr_t*>(call_sp - sizeof(uintptr_t));
  return call_sp == sp || return_address != call.pc.load(std::memory_order_relaxed);
}

// All slots of the block are in use or holes: takes a hole, in any block.
HeldSlot* SlotStack::take_hole_slow() {
  for (HeldSlot* slot = next_below(top()); slot != nullptr; slot = next_below(slot)) {
    if (!word_of(*slot).is_hole()) continue;
    // A signal handler that looks for a hole at this point must find another one.
    slot->word.store(LockWord::block_end().bits(), std::memory_order_release);
    forget_notes(*slot);
    std::atomic_signal_fence(std::memory_order_seq_cst);
    return slot;
  }
  return nullptr;
}

// The first slot of the block after the one that contains the top; null if there is none.
HeldSlot* SlotStack::next_block_slow() {
  OverflowSlots* chunk = overflow.load(std::memory_order_relaxed);
  if (chunk == nullptr) {
    chunk = static_cast<OverflowSlots*>(take_spare(SpareKind::overflow));
    if (chunk == nullptr) return nullptr;
    overflow.store(chunk, std::memory_order_release);
  }
  const size_t next = top() == slots_ + kInlineSlots
                          ? 0
                          : (reinterpret_cast<uintptr_t>(top()) - reinterpret_cast<uintptr_t>(chunk)) / kBlockSize + 1;
  if (next == kOverflowBlocks) return nullptr;
  OverflowBlock& block = chunk->blocks[next];
  for (auto* end : {&block.lower_end, &block.upper_end})
    end->store(LockWord::block_end().bits(), std::memory_order_relaxed);
  return block.slots;
}

void SlotStack::end_waits() {
  for (size_t index = 0; index < slot_limit(); ++index)
    if (word_of(*slot(index)).waiting())
      writable_slot(index)->word.store(LockWord::hole().bits(), std::memory_order_release);
  join.clear();
  forget_poll(*this);
}

void SlotStack::clear() {
  for (size_t index = 0; index < slot_limit(); ++index) {
    HeldSlot& one = *writable_slot(index);
    one.word.store(0, std::memory_order_release);
    forget_notes(one);
  }
  lower_end_.store(LockWord::record_start().bits(), std::memory_order_relaxed);
  upper_end_.store(LockWord::block_end().bits(), std::memory_order_relaxed);
  top_.store(slots_, std::memory_order_release);
  join.clear();
  forget_poll(*this);
}

}  // namespace holdwatch
