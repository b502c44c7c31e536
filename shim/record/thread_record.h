// What one thread holds and waits for. Written by its owner in lock calls, read at any time by the watcher, which writes
// nothing but holes over holds that another thread has ended (drop_left_over).
// Hot context: straight-line stores to the thread's own cache lines; no call, no allocation, no atomic read-modify-write.
// The rare parts stand in thread_record.cpp and are named ..._slow.
//
// The slots are a stack: a lock call takes the one at the top, publishes the wait in it, and turns it into the hold when
// the real call has succeeded; an unlock gives it back. So a pair of calls writes two cache lines, however many locks are
// held. A hold that ends below the top leaves a hole, which goes when the slots above it do.
//
// How a reader gets a consistent slot: the owner stores the slot's fields, its number among them, while the lock word is 0,
// and the word last, each with release. A reader loads number, word, fields, then word and number again, each with acquire (view.cpp). If the owner
// wrote a newer field, the reader has seen the newer number; if the words are equal too, all fields belong together.
// A reader looks at the slots up to the top, and passes over those with a 0: one is being taken or given up just now, or
// was when a signal handler left the lock call for good (siglongjmp). See drop_left_over_calls.
//
// A lock that its thread takes again, a recursive mutex or for reading, has a slot for each level: who gives up which
// is told by their stack pointers. The oldest slot is the hold: it has the identity and the time, and stays until the last
// level is given up. Beyond kSitedLevels they are only counted.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "shim/base/clock_line.h"
#include "shim/common/contract/finding.h"
#include "shim/common/glibc/lock_layout.h"
#include "shim/record/call_sites.h"
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

// Acquisitions of one lock by one thread that have a slot each, at least.
inline constexpr size_t kSitedLevels = 8;

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

// Above this address the main thread's stack has no frames, only what the program was started with: arguments, environment.
// Written at the start; 0 where it is not known.
[[gnu::visibility("hidden")]] extern uintptr_t g_main_frames_end;

// Whether the lock that the calling thread has just acquired, or is about to give up, is held by it more than once, from
// glibc's own fields (layout: sysdeps/nptl/bits/struct_mutex.h and struct_rwlock.h, unchanged ABI since 2.30 on x86-64). If it
// is not, an older slot for the same lock is left over from a hold that another thread ended. The caller owns the lock, so
// that the fields are there to be read. Of readers they only count all together.
inline bool held_repeatedly(LockWord lock) {
  const auto address = lock.address();
  if (lock.kind() == LockKind::mutex) return mutex_count(*reinterpret_cast<const pthread_mutex_t*>(address)) > 1;
  return lock.access() == Access::shared && rwlock_readers(*reinterpret_cast<const pthread_rwlock_t*>(address)) > 1;
}

class alignas(kBlockSize) ThreadRecord {
 public:
  // --- hot: the owner ---

  // Whether the next lock call may take `slot`, which becomes the one at the top, just so. Not at the end of a block; not where
  // a lock call below has not ended, which a signal handler has interrupted or left; nor for reading over other locks, one of
  // which may be the same. A mutex tells by itself whether it is taken again.
  template <LockKind Kind, Access How>
  [[gnu::always_inline]] bool takes_at_once(HeldSlot*& slot) const {
    slot = top();
    const LockWord known = word_below(slot);
    if (!word_of(*slot).empty()) return false;
    return How == Access::exclusive ? !known.is_no_hold() : known == LockWord::record_start();
  }

  // The same for the rwlock at `address` and for reading, where there are other locks. The caller is about to take it, so that
  // it is there to be read: what nobody reads is not had yet.
  [[gnu::always_inline]] bool takes_over_others(uintptr_t address, HeldSlot*& slot) {
    return takes_at_once<LockKind::rwlock, Access::exclusive>(slot) &&
           (rwlock_readers(*reinterpret_cast<const pthread_rwlock_t*>(address)) == 0 || !has_level_of(address));
  }

  // Takes the top slot, by takes_at_once or takes_over_others, and publishes in it that the thread wants `lock`.
  [[gnu::always_inline]] void begin_wait(HeldSlot& slot, LockWord lock, const Caller& caller, uint64_t tick_ns) {
    take_top(slot);
    fill(slot, caller, tick_ns);
    slot.word.store(lock.with_waiting().bits(), std::memory_order_release);
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
  template <LockKind Kind, Access How>
  [[gnu::always_inline]] bool hold_new_at_once(uintptr_t address, const Caller& caller) {
    const LockWord lock(reinterpret_cast<const void*>(address), Kind, How);
    HeldSlot* slot = nullptr;
    if (!takes_at_once<Kind, How>(slot) || !site_stays(caller.pc)) return false;
    take_top(*slot);
    fill(*slot, caller, g_clock_line.tick_ns.load(std::memory_order_relaxed));
    slot->word.store(lock.bits(), std::memory_order_release);
    return true;
  }

  // Ends the newest hold if it is of `lock` and an ordinary one: taken once, young, with nothing to learn from its end and
  // another hold below, or none. Else false, and nothing is done.
  template <LockKind Kind>
  [[gnu::always_inline]] bool drop_at_once(LockWord lock) {
    HeldSlot* slot = below(top());
    if (!word_of(*slot).is_plain_hold_of<Kind>(lock)) [[unlikely]]
      return false;
    if (slot->notes.load(std::memory_order_relaxed) == 0) [[likely]]
      return drop_young<false>(slot);
    return slot->at_release() == 0 && drop_young<true>(slot);
  }

  // The same for a further level of the recursive mutex that the newest hold is of.
  [[gnu::always_inline]] bool hold_again_at_once(LockWord lock, const Caller& caller) {
    HeldSlot* slot = nullptr;
    if (!takes_at_once<LockKind::mutex, Access::exclusive>(slot) || word_below(slot) != lock || !site_stays(caller.pc))
      return false;
    const uint64_t return_address = return_address_below(below(slot)->sp.load(std::memory_order_relaxed));
    take_top(*slot);
    fill(*slot, caller, g_clock_line.tick_ns.load(std::memory_order_relaxed));
    slot->notes.store(kAgain, std::memory_order_release);
    slot->tsc.store(return_address, std::memory_order_release);
    slot->word.store(lock.bits(), std::memory_order_release);
    return true;
  }

  // Where drop_at_once says no: which of the two newest holds is to be dropped if it is of the mutex, young, and all that there
  // is of it, or a level of a hold that goes on; else null. `caller_sp` is of the unlock's caller.
  HeldSlot* droppable_near_top(LockWord mutex, uintptr_t caller_sp) const {
    HeldSlot* slot = below(top());
    if (word_of(*slot) != mutex) {
      if (has_none_below(slot) || word_below(slot) != mutex) return nullptr;
      slot = below(slot);
    }
    if (slot->since_ns.load(std::memory_order_relaxed) < g_clock_line.old_before_ns.load(std::memory_order_relaxed))
      return nullptr;
    const uint32_t at_release = slot->at_release();
    if (at_release == 0) return held_repeatedly(mutex) ? nullptr : slot;
    return at_release == kAgain && slot->sp.load(std::memory_order_relaxed) == caller_sp ? slot : nullptr;
  }

  // --- slow: the owner ---

  // The newest slot of a hold of the lock at `address`, or null.
  [[gnu::noinline]] HeldSlot* find(uintptr_t address);
  // The slot of the level before the one in `slot`, by which the thread has `lock` too; null if that is the only one. The
  // caller has the lock.
  HeldSlot* older_level(HeldSlot& slot, LockWord lock);
  // Whether the hold is over when the level in `newest`, its newest slot, is given up; `first` is where it began, then.
  bool is_last_level(HeldSlot& newest, LockWord lock, HeldSlot** first) {
    *first = &newest;
    const bool is_first = (newest.at_release() & ~kUnsettled) == 0;
    return (is_first && !held_repeatedly(lock)) || is_last_level_slow(newest, lock, first);
  }
  // Notes that `caller` gives up one level of a hold that goes on; `newest` is the hold's newest slot.
  [[gnu::noinline]] void give_up_level(HeldSlot& newest, LockWord lock, const Caller& caller);
  // Ends a hold, or a wait that came to nothing.
  [[gnu::noinline]] void drop(HeldSlot& slot);
  // The same as begin_wait where takes_at_once says no; null if no slot is left.
  [[gnu::noinline]] HeldSlot* begin_wait_slow(LockWord lock, const Caller& caller, uint64_t tick_ns);
  // Makes the wait that begin_wait put into `slot` a hold, with all that there is to note of it.
  [[gnu::noinline]] void settle(HeldSlot& slot, LockWord lock);
  // The same for a wait of begin_wait_slow, or where the thread may have had the lock before.
  [[gnu::noinline]] void hold_waited_slow(HeldSlot& slot, LockWord lock);
  [[gnu::noinline]] void hold_slow(LockWord lock, const Caller& caller);
  // Learns from the end of the hold in `slot`, at `caller`, whether the frame that took the lock was still there.
  [[gnu::noinline]] void learn_site(const HeldSlot& slot, const Caller& caller) const;
  // Counts an acquisition for which there was no slot.
  void count_unrecorded() {
    unrecorded.store(unrecorded.load(std::memory_order_relaxed) + 1, std::memory_order_release);
  }

  // --- cold: the thread table, the watcher ---

  // Makes the slot a hole if it still is in the use `number` and says `word`; else nothing, and false. The watcher's, of a hold
  // that another thread has ended: the owner takes the hole for one that it has left itself. Both are compared at once: the
  // owner may take the same lock into the same slot at any time, which is another hold.
  static bool drop_use(HeldSlot& slot, LockWord word, uint64_t number);
  const HeldSlot* waiting() const;  // the newest wait, or null
  // The position in the whole record of one of its slots.
  uint32_t index_of_slot(const HeldSlot& slot) const;
  HeldSlot* slot(size_t index);  // null beyond the attached chunk
  static const CallerNotes& notes_of(const HeldSlot& slot) {
    return *reinterpret_cast<const CallerNotes*>(&slot + kBlockSlots + 1);
  }
  // Of a hold whose first level was given up: the slot of the oldest that is left, null if that cannot be seen.
  const HeldSlot* level_left(const HeldSlot& first);
  const unsigned char* stack_copy(size_t index, size_t* size) const;
  // One past the highest slot index that there is, and one past the highest that may be in use, for readers.
  size_t slot_limit() const { return overflow.load(std::memory_order_acquire) == nullptr ? kInlineSlots : kHeldSlots; }
  uint32_t used_limit() const;
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
  // Whether `slot`, or what stands below a block's first one, has no other below it in its block. What is before a record need
  // not be mapped.
  static bool has_none_below(const HeldSlot* slot) {
    return reinterpret_cast<uintptr_t>(slot) % kBlockSize <= kCacheLine;
  }
  // By address, since what is below the first slot is none.
  static HeldSlot* below(const HeldSlot* slot) {
    return reinterpret_cast<HeldSlot*>(reinterpret_cast<uintptr_t>(slot) - sizeof(HeldSlot));
  }
  static LockWord word_of(const HeldSlot& slot) { return LockWord(slot.word.load(std::memory_order_relaxed)); }
  // The word of the slot below, or the block's lower end.
  static LockWord word_below(const HeldSlot* slot) { return word_of(*below(slot)); }
  HeldSlot* top() const { return top_.load(std::memory_order_relaxed); }

  // Taken before it is filled: a signal handler that takes a lock in between gets the next one.
  void take_top(HeldSlot& slot) {
    top_.store(&slot + 1, std::memory_order_release);
    std::atomic_signal_fence(std::memory_order_seq_cst);
  }
  void give_top_back_to(HeldSlot* slot) {
    std::atomic_signal_fence(std::memory_order_seq_cst);
    top_.store(slot, std::memory_order_release);
  }

  // See drop_at_once.
  template <bool HasNotes>
  [[gnu::always_inline]] bool drop_young(HeldSlot* slot) {
    if (slot->since_ns.load(std::memory_order_relaxed) < g_clock_line.old_before_ns.load(std::memory_order_relaxed) ||
        word_below(slot).is_no_hold()) [[unlikely]]
      return false;
    slot->word.store(0, std::memory_order_release);
    if (HasNotes) slot->notes.store(0, std::memory_order_release);
    give_top_back_to(slot);
    return true;
  }

  static void fill(HeldSlot& slot, const Caller& caller, uint64_t tick_ns) {
    slot.sp.store(caller.sp, std::memory_order_release);  // first: see is_left_for_good
    slot.pc.store(caller.pc, std::memory_order_release);
    slot.number.store(slot.number.load(std::memory_order_relaxed) + 1, std::memory_order_release);
    slot.since_ns.store(tick_ns, std::memory_order_release);
    slot.bp.store(caller.bp, std::memory_order_release);
  }
  // A hold counts from the stamp that is found once the lock is had. The site's being known to stay also says that nothing
  // is asked of every hold (note_every_site).
  static bool needs_no_notes(const HeldSlot& slot) {
    return slot.since_ns.load(std::memory_order_relaxed) == g_clock_line.settled_ns.load(std::memory_order_relaxed) &&
           site_stays(slot.pc.load(std::memory_order_relaxed));
  }

  [[gnu::noinline]] void settle_now_slow(HeldSlot& slot, LockWord lock);
  void settle_noted(HeldSlot& slot, LockWord lock) {
    return g_clock_line.extras.load(std::memory_order_relaxed) == 0 ? settle_noted_slow(slot, lock)
                                                                    : settle_with_extras_slow(slot, lock);
  }
  [[gnu::noinline]] void settle_noted_slow(HeldSlot& slot, LockWord lock);
  [[gnu::noinline]] void settle_with_extras_slow(HeldSlot& slot, LockWord lock);
  HeldSlot* take_slot_slow(uintptr_t sp);
  bool is_left_for_good(const HeldSlot& call, uintptr_t sp) const;
  void drop_left_over_calls(uintptr_t sp);
  HeldSlot* next_block_slow();
  HeldSlot* take_hole_slow();
  HeldSlot* older_block_end(const HeldSlot* first);
  HeldSlot* next_below(HeldSlot* slot);
  bool has_level_of(uintptr_t address);
  HeldSlot* next_below_of(HeldSlot* slot, LockWord lock);
  struct Levels {
    size_t count = 0;
    HeldSlot* newest = nullptr;
    uintptr_t frame_sp = 0;  // of the newest one whose frame may call the function of a further level, 0: none
  };
  Levels levels_before(HeldSlot& slot, LockWord lock);
  [[gnu::noinline]] bool is_last_level_slow(HeldSlot& newest, LockWord lock, HeldSlot** first);
  HeldSlot& level_given_up(HeldSlot& newest, LockWord lock, const Caller& caller);
  void skip_used_top();
  void pop_slow();
  [[gnu::always_inline]] inline void note_callers_slow(HeldSlot& slot);
  [[gnu::noinline]] void copy_every_stack(HeldSlot& slot);
  void copy_stack(HeldSlot& slot, size_t most);
  // Where the frame that had the stack pointer `sp` at its own lock call has made a call since, the return address of that one.
  // 0 where it cannot be read, as with an `sp` of 0, which stands for no frame.
  uintptr_t return_address_below(uintptr_t sp) const {
    return is_on_own_stack(sp) ? *reinterpret_cast<const uintptr_t*>(sp - sizeof(uintptr_t)) : 0;
  }
  CallerNotes& own_notes(HeldSlot& slot) { return const_cast<CallerNotes&>(notes_of(slot)); }
  // Not on a coroutine's stack, which may end anywhere above. Never 0, also where the stack is not known.
  bool is_on_own_stack(uintptr_t sp) const {
    return stack_end.load(std::memory_order_relaxed) - sp < stack_span.load(std::memory_order_relaxed);
  }

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

 private:
  HeldSlot slots_[kInlineSlots];
  alignas(kCacheLine) std::atomic<uint64_t> upper_end_{LockWord::block_end().bits()};

 public:
  char gone_name[kThreadNameSize] = {};  // the name of a thread that exited while it held locks

 private:
  CallerNotes notes_[kInlineSlots];
};
static_assert(sizeof(ThreadRecord) == kBlockSize, "one KiB a thread");

}  // namespace holdwatch
