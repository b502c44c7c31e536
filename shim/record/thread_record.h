// What one thread holds and waits for. Written by its owner in lock calls, read at any time by the watcher, which writes
// nothing but holes over holds that another thread has ended (drop_left_over).
// Hot context: straight-line stores to the thread's own cache lines; no call, no allocation, no atomic read-modify-write.
// The rare parts stand in thread_record.cpp and are named ..._slow.
//
// The slots are a stack: a lock call takes the one at the top, publishes the wait in it, and turns it into the hold when
// the real call has succeeded; an unlock gives it back. So a pair of calls writes two cache lines, however many locks are
// held. A hold that ends below the top leaves a hole, which goes when the slots above it do.
//
// How a reader gets a consistent slot: the owner stores the slot's number first and its lock word last, each with
// release. A reader loads number, word, fields, then word and number again, each with acquire (view.cpp). If the owner
// wrote a newer field, the reader has seen the newer number; if the words are equal too, all fields belong together.
// Below the top no word is 0 (but in the few instructions in which one is being taken), so that a reader stops at the
// first that is.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "shim/base/plain.h"
#include "shim/base/pulse.h"
#include "shim/record/call_sites.h"
#include "shim/record/held_slot.h"
#include "shim/record/lock_word.h"

namespace holdwatch {

// Slots come in blocks of 1 KiB: a line for the block's own use, the slots, the notes of each, a line for whatever else.
inline constexpr size_t kBlockSize = 1024;
inline constexpr size_t kBlockSlots = 7;
inline constexpr size_t kInlineSlots = kBlockSlots;  // in the record itself: 1 KiB a thread
inline constexpr size_t kOverflowBlocks = 36;        // in a chunk that is attached when those are not enough
inline constexpr size_t kHeldSlots = kInlineSlots + kOverflowBlocks * kBlockSlots;

enum class RecordState : uint32_t { free, live, gone };

struct alignas(kBlockSize) OverflowBlock {
  alignas(kCacheLine) std::atomic<uint64_t> bottom;
  HeldSlot slots[kBlockSlots];
  CallerNotes notes[kBlockSlots];
};
static_assert(sizeof(OverflowBlock) == kBlockSize);

// Slots beyond the inline ones, for a thread that holds many locks at once.
struct OverflowSlots {
  OverflowBlock blocks[kOverflowBlocks];
};

// Room for the stack copies of the inline slots. Where every acquisition is copied (STACKS=full), not more than what costs
// about as much as the lock call itself a few times over; what lies further out has seldom returned before the report.
inline constexpr size_t kStackCopySize = 64 * 1024;
inline constexpr size_t kUsualCopySize = 4 * 1024;
struct StackCopies {
  unsigned char bytes[kInlineSlots][kStackCopySize];
  std::atomic<uint32_t> sizes[kInlineSlots];
};

// Above this address the main thread's stack has no frames, only what the program was started with: arguments, environment.
// Written at the start; 0 where it is not known.
[[gnu::visibility("hidden")]] extern uintptr_t g_main_frames_end;

class alignas(kBlockSize) ThreadRecord {
 public:
  // --- hot: the owner ---

  // Whether the next lock call may take the top slot just so. Not at the end of a block, in a signal handler that
  // interrupted a lock call (its wait is below), nor where the same lock is below: recursion, a second read lock, or a hold
  // that another thread ended.
  bool takes_at_once(LockWord lock) const {
    const LockWord known = word_below(top_);
    return !is_block_end(top_) && !known.waiting() && !known.is_same_lock(lock);
  }

  // Takes the top slot and publishes in it that the thread wants `lock`.
  HeldSlot& begin_wait(LockWord lock, const Caller& caller, uint64_t tick_ns) {
    HeldSlot& slot = take_top();
    fill(slot, caller, tick_ns);
    slot.word.store(lock.with_waiting().bits(), std::memory_order_release);
    return slot;
  }

  // Makes the wait in `slot`, whose lock call has succeeded, a hold; false if there is more to note than that. One tag
  // less to clear is an instruction less.
  template <bool HasTimeout = false>
  static bool hold_at_once(HeldSlot& slot) {
    if (!needs_no_notes(slot)) return false;
    const LockWord word(slot.word.load(std::memory_order_relaxed));
    slot.word.store((HasTimeout ? word.as_hold() : word.without_waiting()).bits(), std::memory_order_release);
    return true;
  }

  // Notes an acquisition that has just succeeded and that nothing was published of; false, and nothing is done, if there is
  // more to note than that.
  bool hold_new_at_once(LockWord lock, const Caller& caller) {
    if (!takes_at_once(lock) || !site_stays(caller.pc)) return false;
    HeldSlot& slot = take_top();
    fill(slot, caller, g_pulse.tick_ns.load(std::memory_order_relaxed));
    slot.word.store(lock.bits(), std::memory_order_release);
    return true;
  }

  // Ends the newest hold if it is of the lock at `address` and an ordinary one: taken once, young, with nothing to learn
  // from its end and no hole below. Else false, and nothing is done.
  bool drop_at_once(uintptr_t address) {
    HeldSlot* slot = top_ - 1;
    if (!word_below(top_).is_plain_hold_of(address) || slot->at_release.load(std::memory_order_relaxed) != 0 ||
        slot->since_ns.load(std::memory_order_relaxed) < g_pulse.old_before_ns.load(std::memory_order_relaxed) ||
        word_below(slot).is_hole()) [[unlikely]]
      return false;
    slot->word.store(0, std::memory_order_release);
    if (slot->noted.load(std::memory_order_relaxed) != 0) [[unlikely]]
      slot->noted.store(0, std::memory_order_release);
    give_top_back_to(slot);
    return true;
  }

  // --- slow: the owner ---

  // The most recent hold of the lock at `address`, or null.
  [[gnu::noinline]] HeldSlot* find(uintptr_t address);
  // Ends a hold, or a wait that came to nothing.
  [[gnu::noinline]] void drop(HeldSlot& slot);
  // The same as begin_wait where takes_at_once says no; null if no slot is left.
  [[gnu::noinline]] HeldSlot* begin_wait_slow(LockWord lock, const Caller& caller, uint64_t tick_ns);
  // Makes the wait that begin_wait put into `slot` a hold, with all that there is to note of it.
  [[gnu::noinline]] void settle(HeldSlot& slot, LockWord lock);
  // The same for a wait of begin_wait_slow, or adds it to an older hold of the same lock.
  [[gnu::noinline]] void hold_waited_slow(HeldSlot& slot, LockWord lock);
  [[gnu::noinline]] void hold_slow(LockWord lock, const Caller& caller);
  // Learns from the end of the hold in `slot`, at `caller`, whether the frame that took the lock was still there.
  [[gnu::noinline]] void learn_site(const HeldSlot& slot, const Caller& caller) const;
  // The thread's newest hold if it is of `lock`, a recursive mutex, so that taking it once more neither blocks nor begins a
  // hold: then it is to be made deeper, once it is done. Else null.
  HeldSlot* relocked(LockWord lock) const;
  static void deepen(HeldSlot& slot) {
    slot.at_release.store(slot.at_release.load(std::memory_order_relaxed) + 1, std::memory_order_release);
  }
  // Counts an acquisition for which there was no slot.
  void count_unrecorded() {
    unrecorded.store(unrecorded.load(std::memory_order_relaxed) + 1, std::memory_order_release);
  }

  // --- cold: the thread table, the watcher ---

  const HeldSlot* waiting() const;  // the newest wait, or null
  // The position in the whole record of one of its slots.
  uint32_t index_of_slot(const HeldSlot& slot) const;
  HeldSlot* slot(size_t index);  // null beyond the attached chunk
  static const CallerNotes& notes_of(const HeldSlot& slot) {
    return *reinterpret_cast<const CallerNotes*>(&slot + kBlockSlots);
  }
  const unsigned char* stack_copy(size_t index, size_t* size) const;
  // One past the highest slot index that may be in use, for readers.
  size_t slot_limit() const { return overflow.load(std::memory_order_acquire) == nullptr ? kInlineSlots : kHeldSlots; }
  bool holds_nothing();
  // Its thread is gone: what it waited for, it waits for no more.
  void end_waits();
  // Empties the record for its next owner. Numbers go on counting: an identity is never used twice.
  void clear();

 private:
  static bool is_block_end(const HeldSlot* slot) { return reinterpret_cast<uintptr_t>(slot) % (kBlockSize / 2) == 0; }
  static bool is_block_start(const HeldSlot* slot) {
    return reinterpret_cast<uintptr_t>(slot) % kBlockSize == kCacheLine;
  }
  // By address, since what is below the first slot is none.
  static HeldSlot* below(const HeldSlot* slot) {
    return reinterpret_cast<HeldSlot*>(reinterpret_cast<uintptr_t>(slot) - sizeof(HeldSlot));
  }
  // The word of the slot below, or the bottom of the block.
  static LockWord word_below(const HeldSlot* slot) {
    return LockWord(reinterpret_cast<const std::atomic<uint64_t>*>(below(slot))->load(std::memory_order_relaxed));
  }

  // Taken before it is filled: a signal handler that takes a lock in between gets the next one.
  HeldSlot& take_top() {
    HeldSlot* slot = top_;
    top_ = slot + 1;
    std::atomic_signal_fence(std::memory_order_seq_cst);
    return *slot;
  }
  void give_top_back_to(HeldSlot* slot) {
    std::atomic_signal_fence(std::memory_order_seq_cst);
    top_ = slot;
  }

  static void fill(HeldSlot& slot, const Caller& caller, uint64_t tick_ns) {
    slot.number.store(slot.number.load(std::memory_order_relaxed) + 1, std::memory_order_release);
    slot.since_ns.store(tick_ns, std::memory_order_release);
    slot.pc.store(caller.pc, std::memory_order_release);
    slot.sp.store(caller.sp, std::memory_order_release);
    slot.bp.store(caller.bp, std::memory_order_release);
  }
  // A hold counts from the stamp that is found once the lock is had. The site's being known to stay also says that nothing
  // is asked of every hold (note_every_site).
  static bool needs_no_notes(const HeldSlot& slot) {
    return slot.since_ns.load(std::memory_order_relaxed) == g_pulse.settled_ns.load(std::memory_order_relaxed) &&
           site_stays(slot.pc.load(std::memory_order_relaxed));
  }

  [[gnu::noinline]] void settle_now_slow(HeldSlot& slot, LockWord lock);
  [[gnu::noinline]] void settle_noted_slow(HeldSlot& slot, LockWord lock);
  bool is_again_slow(HeldSlot& slot, LockWord lock);
  HeldSlot* take_slot_slow(uintptr_t sp);
  void drop_left_over_waits(uintptr_t sp);
  HeldSlot* next_block_slow();
  HeldSlot* take_hole_slow();
  HeldSlot* older_block_end(const HeldSlot* first);
  HeldSlot* next_below(HeldSlot* slot);
  void drop_ended_holds_of(const HeldSlot& slot, LockWord lock);
  void pop_slow();
  [[gnu::always_inline]] inline void note_callers_slow(HeldSlot& slot);
  void note_extras_slow(HeldSlot& slot);
  void copy_stack(HeldSlot& slot, const Caller& caller, size_t most);
  CallerNotes& own_notes(HeldSlot& slot) { return *reinterpret_cast<CallerNotes*>(&slot + kBlockSlots); }
  // Not on a coroutine's stack, which may end anywhere above.
  bool is_on_own_stack(uintptr_t sp) const {
    return stack_end.load(std::memory_order_relaxed) - sp <= stack_span.load(std::memory_order_relaxed);
  }

  // The line before the first slot; `bottom` is where a slot's word would be.
  std::atomic<uint64_t> bottom_{LockWord::bottom().bits()};
  HeldSlot* top_ = slots_;  // owner only

 public:
  std::atomic<RecordState> state{RecordState::free};
  std::atomic<int> tid{0};
  // Written before state becomes live. The thread's own stack reaches at least `stack_span` bytes down from stack_end.
  std::atomic<uintptr_t> stack_end{0};
  std::atomic<uintptr_t> stack_span{0};
  std::atomic<OverflowSlots*> overflow{nullptr};  // attached by the owner once, kept for the record's life
  std::atomic<StackCopies*> copies{nullptr};      // likewise
  std::atomic<uint32_t> unrecorded{0};            // acquisitions that found no slot
  std::atomic<uint32_t> next_free{0};             // thread table's free list

 private:
  HeldSlot slots_[kInlineSlots];
  CallerNotes notes_[kInlineSlots];

 public:
  char gone_name[kThreadNameSize] = {};  // the name of a thread that exited while it held locks
};
static_assert(sizeof(ThreadRecord) == kBlockSize, "one KiB a thread");

}  // namespace holdwatch
