// The slots of a record as a stack, which only the record's thread, its owner, changes: taking the top, holes, more locks than
// a block has slots, and calls that a signal handler has interrupted or jumped out of.
// Hot context: no allocation, no lock. The fast paths of lock calls (owner_record.h) use only the inline part.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "shim/record/thread_record.h"

namespace holdwatch {

class SlotStack : public ThreadRecord {
 public:
  HeldSlot* top() const { return top_.load(std::memory_order_relaxed); }
  // The newest slot of a hold of the lock at `address`, or null.
  [[gnu::noinline]] HeldSlot* find(uintptr_t address);
  // The next hold of the lock in a slot older than `slot`, or null.
  HeldSlot* next_below_of(const HeldSlot* slot, LockWord lock);
  // A slot for a lock call whose caller has the stack pointer `sp`; null if none is left.
  HeldSlot* take_slot_slow(uintptr_t sp);
  static void fill(HeldSlot& slot, const Caller& caller, uint64_t tick_ns) {
    slot.sp.store(caller.sp, std::memory_order_release);  // first: see was_jumped_out_of
    slot.pc.store(caller.pc, std::memory_order_release);
    slot.number.store(slot.number.load(std::memory_order_relaxed) + 1, std::memory_order_release);
    slot.since_ns.store(tick_ns, std::memory_order_release);
    slot.bp.store(caller.bp, std::memory_order_release);
  }
  // Ends a hold, or a wait that did not succeed.
  [[gnu::noinline]] void drop(HeldSlot& slot);
  // The thread has exited: it no longer waits for anything.
  void end_waits();
  // Empties the record for its next owner. Use numbers keep counting: an identity is never reused.
  void clear();

  // Changes with each use of the top slot, and if another one is at the top: as long as it is the same, the thread has acquired
  // nothing. 0 at the end of a block, where that does not show.
  static constexpr uint64_t kMarkOfUse = uint64_t{1} << 16;
  uint64_t top_mark() const {
    const HeldSlot* const slot = top();
    if (is_block_end(slot)) return 0;
    return (slot->number.load(std::memory_order_relaxed) + 1) * kMarkOfUse |
           (reinterpret_cast<uintptr_t>(slot) / sizeof(HeldSlot)) % kMarkOfUse;
  }

  using ThreadRecord::word_of;
  // False on a coroutine's stack, which may end anywhere above. `sp` 0 gives false even if the stack is not known.
  bool is_on_thread_stack(uintptr_t sp) const {
    return stack_end.load(std::memory_order_relaxed) - sp < stack_span.load(std::memory_order_relaxed);
  }

 protected:
  // Whether no slot of the same block is below `slot` (a slot, or the end marker below a block's first slot). The
  // memory before a record need not be mapped.
  static bool has_none_below(const HeldSlot* slot) {
    return reinterpret_cast<uintptr_t>(slot) % kBlockSize <= kCacheLine;
  }
  // Computed from the address, because the end marker below a block's first slot is not an element of the array.
  static HeldSlot* below(const HeldSlot* slot) {
    return reinterpret_cast<HeldSlot*>(reinterpret_cast<uintptr_t>(slot) - sizeof(HeldSlot));
  }
  // The word of the slot below, or the block's lower end.
  static LockWord word_below(const HeldSlot* slot) { return word_of(*below(slot)); }

  // Taken before it is filled: a signal handler that takes a lock in between gets the next one.
  void take_top(HeldSlot& slot) {
    top_.store(&slot + 1, std::memory_order_release);
    std::atomic_signal_fence(std::memory_order_seq_cst);
  }
  void set_top(HeldSlot* slot) {
    std::atomic_signal_fence(std::memory_order_seq_cst);
    top_.store(slot, std::memory_order_release);
  }

  // Whether the thread holds, or waits for, the lock at `address`.
  bool has_level_of(uintptr_t address);

 private:
  static bool is_block_end(const HeldSlot* slot) { return reinterpret_cast<uintptr_t>(slot) % (kBlockSize / 2) == 0; }
  static bool is_block_start(const HeldSlot* slot) {
    return reinterpret_cast<uintptr_t>(slot) % kBlockSize == kCacheLine;
  }
  HeldSlot* next_below(const HeldSlot* slot);
  HeldSlot* older_block_end(const HeldSlot* first);
  HeldSlot* next_block_slow();
  HeldSlot* take_hole_slow();
  void pop_slow();
  void skip_used_top();
  void drop_left_over_calls(uintptr_t sp);
  bool was_jumped_out_of(const HeldSlot& call, uintptr_t sp) const;
};

}  // namespace holdwatch
