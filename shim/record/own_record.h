// A thread's record as its thread may use it: the short ways of lock calls, and the stack of slots, which the long ways use
// too. Readers have a ThreadRecord instead, the same memory, which offers none of this.
// Hot context: straight-line stores to the thread's own cache lines; no call, no allocation, no atomic read-modify-write.
// The long ways: acquire_slow.h, hold_levels.h, hold_notes.h.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "shim/base/clock_line.h"
#include "shim/common/glibc/lock_layout.h"
#include "shim/record/call_sites.h"
#include "shim/record/thread_record.h"

namespace holdwatch {

// Whether the lock that the calling thread has just acquired, or is about to give up, is held by it more than once, from
// glibc's own fields (layout: sysdeps/nptl/bits/struct_mutex.h and struct_rwlock.h, unchanged ABI since 2.30 on x86-64). If it
// is not, an older slot for the same lock is left over from a hold that another thread ended. The caller owns the lock, so
// that the fields are there to be read. Of readers they only count all together.
inline bool held_repeatedly(LockWord lock) {
  const auto address = lock.address();
  if (lock.kind() == LockKind::mutex) return mutex_count(*reinterpret_cast<const pthread_mutex_t*>(address)) > 1;
  return lock.access() == Access::shared && rwlock_readers(*reinterpret_cast<const pthread_rwlock_t*>(address)) > 1;
}

class OwnRecord : public ThreadRecord {
 public:
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

  // --- the stack of slots ---

  HeldSlot* top() const { return top_.load(std::memory_order_relaxed); }
  // The newest slot of a hold of the lock at `address`, or null.
  [[gnu::noinline]] HeldSlot* find(uintptr_t address);
  // The next hold of the lock in a slot older than `slot`, or null.
  HeldSlot* next_below_of(const HeldSlot* slot, LockWord lock);
  // A slot for a lock call whose caller has the stack pointer `sp`; null if none is left.
  HeldSlot* take_slot_slow(uintptr_t sp);
  static void fill(HeldSlot& slot, const Caller& caller, uint64_t tick_ns) {
    slot.sp.store(caller.sp, std::memory_order_release);  // first: see is_left_for_good
    slot.pc.store(caller.pc, std::memory_order_release);
    slot.number.store(slot.number.load(std::memory_order_relaxed) + 1, std::memory_order_release);
    slot.since_ns.store(tick_ns, std::memory_order_release);
    slot.bp.store(caller.bp, std::memory_order_release);
  }
  // Ends a hold, or a wait that came to nothing.
  [[gnu::noinline]] void drop(HeldSlot& slot);
  // Its thread is gone: what it waited for, it waits for no more.
  void end_waits();
  // Empties the record for its next owner. Numbers go on counting: an identity is never used twice.
  void clear();

  // --- what else the long ways use ---

  static Caller caller_of(const HeldSlot& slot) {
    return {slot.pc.load(std::memory_order_relaxed), slot.sp.load(std::memory_order_relaxed),
            slot.bp.load(std::memory_order_relaxed)};
  }
  using ThreadRecord::word_of;
  CallerNotes& own_notes(HeldSlot& slot) { return const_cast<CallerNotes&>(notes_of(slot)); }
  // Where the frame that had the stack pointer `sp` at its own lock call has made a call since, the return address of that one.
  // 0 where it cannot be read, as with an `sp` of 0, which stands for no frame.
  uintptr_t return_address_below(uintptr_t sp) const {
    return is_on_own_stack(sp) ? *reinterpret_cast<const uintptr_t*>(sp - sizeof(uintptr_t)) : 0;
  }
  // Not on a coroutine's stack, which may end anywhere above. Never 0, also where the stack is not known.
  bool is_on_own_stack(uintptr_t sp) const {
    return stack_end.load(std::memory_order_relaxed) - sp < stack_span.load(std::memory_order_relaxed);
  }
  // Counts an acquisition for which there was no slot.
  void count_unrecorded() {
    unrecorded.store(unrecorded.load(std::memory_order_relaxed) + 1, std::memory_order_release);
  }

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
  // The word of the slot below, or the block's lower end.
  static LockWord word_below(const HeldSlot* slot) { return word_of(*below(slot)); }

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

  // A hold counts from the stamp that is found once the lock is had. The site's being known to stay also says that nothing
  // is asked of every hold (note_every_site).
  static bool needs_no_notes(const HeldSlot& slot) {
    return slot.since_ns.load(std::memory_order_relaxed) == g_clock_line.settled_ns.load(std::memory_order_relaxed) &&
           site_stays(slot.pc.load(std::memory_order_relaxed));
  }

  bool has_level_of(uintptr_t address);
  HeldSlot* next_below(const HeldSlot* slot);
  HeldSlot* older_block_end(const HeldSlot* first);
  HeldSlot* next_block_slow();
  HeldSlot* take_hole_slow();
  void pop_slow();
  void skip_used_top();
  void drop_left_over_calls(uintptr_t sp);
  bool is_left_for_good(const HeldSlot& call, uintptr_t sp) const;
};
static_assert(sizeof(OwnRecord) == sizeof(ThreadRecord), "the same memory, in its owner's hands");

}  // namespace holdwatch
