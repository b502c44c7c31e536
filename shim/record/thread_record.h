// What one thread holds and waits for: the layout, and what any thread may read of it at any time.
// The owner writes it in lock calls (owner_record.h). The watcher reads it, through view.h, and writes only holes, over
// holds that another thread has ended (drop_use). Reading needs no lock, makes no call and may happen at any time.
//
// The slots are a stack: a lock call takes the one at the top, publishes the wait in it, and turns it into the hold
// when the real call has succeeded; an unlock returns it. So a pair of calls writes two cache lines, however many locks
// are held. A hold that ends below the top leaves a hole, which is removed when the slots above it are.
//
// How a reader gets a consistent slot: while the lock word is 0, the owner stores the slot's fields, its number among
// them, and then the word, each with release. A reader loads number, word, fields, then word and number again, each
// with acquire (view.cpp). If the owner wrote a newer field, the reader has seen the newer number; if the words are
// equal too, all fields belong together. A reader looks at the slots up to the top, and skips those whose word is 0:
// such a slot is being taken or returned now, or was when a signal handler jumped out of the lock call (siglongjmp).
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "shim/common/contract/finding.h"
#include "shim/record/held_slot.h"
#include "shim/record/join_note.h"
#include "shim/record/lock_word.h"

namespace holdwatch {

// Slots come in blocks of 1 KiB, which contain, one cache line each: the block's lower end, the slots, its upper end,
// the notes of each slot. The first word of both ends is where a slot's lock word would be (LockWord::block_end).
inline constexpr size_t kBlockSize = 1024;
inline constexpr size_t kBlockSlots = 7;
inline constexpr size_t kInlineSlots = kBlockSlots;  // in the record itself: 1 KiB a thread
inline constexpr size_t kOverflowBlocks = 36;        // in a chunk that is attached when the inline slots are not enough
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

// Room for the stack copies of the inline slots. If every acquisition is copied (STACKS=full), usually only
// kUsualCopySize bytes are, which costs a few times as much as the lock call itself; frames further out have rarely
// returned before the report.
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
  // For a hold whose first level was released: the slot of the oldest level left, null if that cannot be determined.
  const HeldSlot* level_left(const HeldSlot& first) const;
  const unsigned char* stack_copy(size_t index, size_t* size) const;
  bool holds_nothing() const;

  // Turns the slot into a hole if it still has the use `number` and the lock word `word`; otherwise false, and nothing
  // is done. For the watcher, when another thread has ended the hold: the owner treats the hole like one of its own.
  // Both are compared at once: the owner may acquire the same lock in the same slot at any time, which is another hold.
  bool drop_use(size_t index, LockWord word, uint64_t number);

 protected:
  HeldSlot* writable_slot(size_t index) { return const_cast<HeldSlot*>(slot(index)); }
  static LockWord word_of(const HeldSlot& slot) { return LockWord(slot.word.load(std::memory_order_relaxed)); }

  std::atomic<uint64_t> lower_end_{LockWord::record_start().bits()};
  // Where the next slot is taken. Written by the owner (release, after its stores to the slots below), read by readers
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
  JoinNote join;                         // here, because lock calls hardly ever touch this line

 private:
  CallerNotes notes_[kInlineSlots];
};
static_assert(sizeof(ThreadRecord) == kBlockSize, "one KiB a thread");

}  // namespace holdwatch
