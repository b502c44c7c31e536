// What one thread holds and waits for: the layout, and what any thread may ask of it at any time.
// The owner writes it in lock calls (own_record.h). The watcher reads it, through view.h, and writes nothing but holes over
// holds that another thread has ended (drop_use). Reading needs no lock, makes no call and may happen at any time.
//
// The slots are a stack: a lock call takes the one at the top, publishes the wait in it, and turns it into the hold when
// the real call has succeeded; an unlock gives it back. So a pair of calls writes two cache lines, however many locks are
// held. A hold that ends below the top leaves a hole, which goes when the slots above it do.
//
// How a reader gets a consistent slot: the owner stores the slot's fields, its number among them, while the lock word is 0,
// and the word last, each with release. A reader loads number, word, fields, then word and number again, each with acquire
// (view.cpp). If the owner wrote a newer field, the reader has seen the newer number; if the words are equal too, all
// fields belong together. A reader looks at the slots up to the top, and passes over those with a 0: one is being taken or given up just now, or
// was when a signal handler left the lock call for good (siglongjmp).
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "shim/common/contract/finding.h"
#include "shim/record/held_slot.h"
#include "shim/record/lock_word.h"

namespace holdwatch {

// Slots come in blocks of 1 KiB, each of these a line: the block's lower end, the slots, its upper end, the notes of each
// slot. The first word of both ends is where a slot's lock word would be (LockWord::block_end).
inline constexpr size_t kBlockSize = 1024;
inline constexpr size_t kBlockSlots = 7;
inline constexpr size_t kInlineSlots = kBlockSlots;  // in the record itself: 1 KiB a thread
inline constexpr size_t kOverflowBlocks = 36;        // in a chunk that is attached when those are not enough
inline constexpr size_t kHeldSlots = kInlineSlots + kOverflowBlocks * kBlockSlots;

enum class RecordState : uint32_t { free, live, gone };

struct alignas(kBlockSize) OverflowBlock {
  alignas(kCacheLine) std::atomic<uint64_t> lower_end;
  HeldSlot slots[kBlockSlots];
  alignas(kCacheLine) std::atomic<uint64_t> upper_end;
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

class alignas(kBlockSize) ThreadRecord {
 public:
  const HeldSlot* slot(size_t index) const;  // null beyond the attached chunk
  // The position in the whole record of one of its slots.
  uint32_t index_of_slot(const HeldSlot& slot) const;
  // One past the highest slot index that there is, and one past the highest that may be in use.
  size_t slot_limit() const { return overflow.load(std::memory_order_acquire) == nullptr ? kInlineSlots : kHeldSlots; }
  uint32_t used_limit() const;
  static const CallerNotes& notes_of(const HeldSlot& slot) {
    return *reinterpret_cast<const CallerNotes*>(&slot + kBlockSlots + 1);
  }

  const HeldSlot* waiting() const;  // the newest wait, or null
  // Of a hold whose first level was given up: the slot of the oldest that is left, null if that cannot be seen.
  const HeldSlot* level_left(const HeldSlot& first) const;
  const unsigned char* stack_copy(size_t index, size_t* size) const;
  bool holds_nothing() const;

  // Makes the slot a hole if it still is in the use `number` and says `word`; else nothing, and false. The watcher's, of a hold
  // that another thread has ended: the owner takes the hole for one that it has left itself. Both are compared at once: the
  // owner may take the same lock into the same slot at any time, which is another hold.
  bool drop_use(size_t index, LockWord word, uint64_t number);

 protected:
  HeldSlot* writable_slot(size_t index) { return const_cast<HeldSlot*>(slot(index)); }
  static LockWord word_of(const HeldSlot& slot) { return LockWord(slot.word.load(std::memory_order_relaxed)); }

  std::atomic<uint64_t> lower_end_{LockWord::record_start().bits()};
  // Where the next slot is taken. Written by the owner (release, after what it means for the slots below), read by readers
  // (acquire) to know how far to look.
  std::atomic<HeldSlot*> top_{slots_};

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

 protected:
  HeldSlot slots_[kInlineSlots];
  alignas(kCacheLine) std::atomic<uint64_t> upper_end_{LockWord::block_end().bits()};

 public:
  char gone_name[kThreadNameSize] = {};  // the name of a thread that exited while it held locks

 private:
  CallerNotes notes_[kInlineSlots];
};
static_assert(sizeof(ThreadRecord) == kBlockSize, "one KiB a thread");

}  // namespace holdwatch
