// What one thread holds and waits for. Written by its owner in lock calls, read at any time by the watcher.
// Hot context: straight-line stores to the thread's own cache lines; no call, no allocation, no atomic read-modify-write.
// The rare parts stand in thread_record.cpp and are named ..._slow.
//
// How a reader gets a consistent slot: the owner stores the slot's number first and its lock word last, each with
// release. A reader loads number, word, fields, then word and number again, each with acquire (view.cpp). If the owner
// wrote a newer field, the reader has seen the newer number; if the words are equal too, all fields belong together.
#pragma once

#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>

#include "shim/base/plain.h"
#include "shim/base/pulse.h"
#include "shim/record/call_sites.h"
#include "shim/record/held_slot.h"
#include "shim/record/lock_word.h"

namespace holdwatch {

inline constexpr size_t kInlineSlots = 7;      // in the record itself: 1 KiB a thread
inline constexpr size_t kOverflowSlots = 249;  // in a chunk that is attached when those are not enough
inline constexpr size_t kHeldSlots = kInlineSlots + kOverflowSlots;

// The one lock that a thread waits for at a time: one cache line.
struct alignas(kCacheLine) WaitingSlot {
  std::atomic<uint64_t> word{0};      // LockWord; 0: does not wait
  std::atomic<uint64_t> number{0};    // counts the waits of this record
  std::atomic<uint64_t> since_ns{0};  // tick before the call
  std::atomic<uintptr_t> pc{0};
  std::atomic<uintptr_t> sp{0};
  std::atomic<uintptr_t> bp{0};
  char gone_name[kThreadNameSize] = {};  // the name of a thread that exited while it held locks
};
static_assert(sizeof(WaitingSlot) == kCacheLine);

enum class RecordState : uint32_t { free, live, gone };

// Slots beyond the inline ones, for a thread that holds many locks at once.
struct OverflowSlots {
  uint64_t used[(kOverflowSlots + 63) / 64];
  HeldSlot slots[kOverflowSlots];
};

// Room for the stack copies of the inline slots (STACKS=full, or a site that needs it).
inline constexpr size_t kStackCopySize = 64 * 1024;
struct StackCopies {
  unsigned char bytes[kInlineSlots][kStackCopySize];
};

class alignas(kCacheLine) ThreadRecord {
 public:
  // --- hot: the owner ---

  void begin_wait(LockWord word, const Caller& caller, uint64_t tick_ns) {
    const uint64_t number = waiting_.number.load(std::memory_order_relaxed) + 1;
    waiting_.number.store(number, std::memory_order_release);
    waiting_.since_ns.store(tick_ns, std::memory_order_release);
    waiting_.pc.store(caller.pc, std::memory_order_release);
    waiting_.sp.store(caller.sp, std::memory_order_release);
    waiting_.bp.store(caller.bp, std::memory_order_release);
    waiting_.word.store(word.bits(), std::memory_order_release);
  }

  void end_wait() { waiting_.word.store(0, std::memory_order_release); }

  // A wait is still published: this lock call was made by a signal handler that interrupted it.
  bool is_waiting() const { return waiting_.word.load(std::memory_order_relaxed) != 0; }

  // Notes an acquisition that has just succeeded.
  void hold(LockWord word, const Caller& caller) {
    const uint32_t index = static_cast<uint32_t>(std::countr_one(used_));
    if (index >= kInlineSlots || holds_at_top(word)) [[unlikely]]
      return hold_slow(word, caller);
    // Marked used before it is filled: a signal handler that takes a lock in between gets another slot.
    unordered_ |= used_ >> index;
    used_ |= 1u << index;
    std::atomic_signal_fence(std::memory_order_seq_cst);
    fill(slots_[index], index, word, caller);
  }

  // The most recent hold of the lock at `address`, or null.
  HeldSlot* find(uintptr_t address) {
    if (used_ == 0 || unordered_ != 0) [[unlikely]]
      return find_slow(address);
    HeldSlot& newest = slots_[31 - std::countl_zero(used_)];
    if (LockWord(newest.word.load(std::memory_order_relaxed)).is_lock_at(address)) [[likely]]
      return &newest;
    return find_slow(address);
  }

  // Ends a hold. The slot's fields stay, so that `restore` can undo it if the unlock fails.
  void drop(HeldSlot* slot) {
    slot->word.store(0, std::memory_order_release);
    const size_t index = static_cast<size_t>(slot - slots_);
    if (index >= kInlineSlots) [[unlikely]]
      return drop_overflow_slow(slot);
    std::atomic_signal_fence(std::memory_order_seq_cst);
    used_ &= ~(1u << index);
    if (used_ == 0) unordered_ = 0;
  }

  // Learns from the end of the hold in `slot`, at `caller`, whether the frame that took the lock was still there.
  void learn_site(const HeldSlot& slot, const Caller& caller) const {
    const uint32_t callers = slot.callers.load(std::memory_order_relaxed);
    const bool news = callers == 0 ? caller.sp > slot.sp.load(std::memory_order_relaxed) : (callers & kUnsettled) != 0;
    if (news) [[unlikely]]
      learn_site_slow(slot, caller);
  }

  // --- slow: the owner ---

  [[gnu::noinline]] void learn_site_slow(const HeldSlot& slot, const Caller& caller) const;
  // Publishes `slot` again as it was, after an unlock that failed.
  void restore_slow(HeldSlot* slot, LockWord word);

  // What a signal handler's lock call has to put back after its own wait.
  struct SavedWait {
    uint64_t word, since_ns;
    Caller caller;
  };
  SavedWait save_wait_slow() const;
  void restore_wait_slow(const SavedWait& saved);

  // --- cold: the thread table, the watcher ---

  std::atomic<RecordState> state{RecordState::free};
  std::atomic<int> tid{0};
  // Written before state becomes live. The thread's own stack reaches at least `stack_span` bytes down from stack_end.
  std::atomic<uintptr_t> stack_end{0};
  std::atomic<uintptr_t> stack_span{0};
  std::atomic<OverflowSlots*> overflow{nullptr};  // attached by the owner once, kept for the record's life
  std::atomic<StackCopies*> copies{nullptr};      // likewise
  std::atomic<uint32_t> unrecorded{0};            // acquisitions that found no slot
  std::atomic<uint32_t> next_free{0};             // thread table's free list

  const WaitingSlot& waiting() const { return waiting_; }
  // The position in the whole record of one of its slots.
  uint32_t index_of_slot(const HeldSlot& slot) const {
    if (&slot >= slots_ && &slot < slots_ + kInlineSlots) return static_cast<uint32_t>(&slot - slots_);
    return static_cast<uint32_t>(kInlineSlots +
                                 static_cast<size_t>(&slot - overflow.load(std::memory_order_relaxed)->slots));
  }
  char* gone_name() { return waiting_.gone_name; }
  HeldSlot* slot(size_t index);  // null beyond the attached chunk
  const unsigned char* stack_copy(size_t index) const;
  // One past the highest slot index that may be in use, for readers.
  size_t slot_limit() const { return overflow.load(std::memory_order_acquire) == nullptr ? kInlineSlots : kHeldSlots; }
  bool holds_nothing();
  // Empties the record for its next owner. Numbers go on counting: an identity is never used twice.
  void clear();

 private:
  // The same lock again: recursion, a second read lock, or a hold that another thread ended.
  bool holds_at_top(LockWord word) const {
    return used_ != 0 && LockWord(slots_[31 - std::countl_zero(used_)].word.load(std::memory_order_relaxed))
                             .is_lock_at(word.address());
  }

  void fill(HeldSlot& slot, size_t index, LockWord word, const Caller& caller) {
    slot.number.store(++acquisitions_, std::memory_order_release);
    slot.since_ns.store(g_pulse.tick_ns.load(std::memory_order_relaxed), std::memory_order_release);
    slot.pc.store(caller.pc, std::memory_order_release);
    slot.sp.store(caller.sp, std::memory_order_release);
    slot.depth.store(0, std::memory_order_release);
    slot.callers.store(0, std::memory_order_release);
    if (!site_stays(caller.pc)) [[unlikely]]
      note_callers_slow(slot, index, caller);
    if (g_pulse.extras.load(std::memory_order_relaxed) != 0) [[unlikely]]
      note_extras_slow(slot, index, caller);
    slot.word.store(word.bits(), std::memory_order_release);
  }

  [[gnu::noinline]] void hold_slow(LockWord word, const Caller& caller);
  [[gnu::noinline]] HeldSlot* find_slow(uintptr_t address);
  [[gnu::noinline]] void drop_overflow_slow(HeldSlot* slot);
  [[gnu::noinline]] void note_callers_slow(HeldSlot& slot, size_t index, const Caller& caller);
  [[gnu::noinline]] void note_extras_slow(HeldSlot& slot, size_t index, const Caller& caller);
  void copy_stack(HeldSlot& slot, size_t index, const Caller& caller);
  // Not on a coroutine's stack, which may end anywhere above.
  bool is_on_own_stack(uintptr_t sp) const {
    return stack_end.load(std::memory_order_relaxed) - sp <= stack_span.load(std::memory_order_relaxed);
  }
  HeldSlot* take_overflow_slot(size_t* index);

  uint32_t used_ = 0;          // bit i: slots_[i] is in use; owner only
  uint32_t unordered_ = 0;     // not 0: a newer hold may be in a lower slot than an older one; owner only
  uint64_t acquisitions_ = 0;  // owner only
  WaitingSlot waiting_;
  HeldSlot slots_[kInlineSlots];
};
static_assert(sizeof(ThreadRecord) == 1024, "one KiB a thread, header and waiting slot a cache line each");

}  // namespace holdwatch
