// A thread's record as its thread may use it in lock calls: the fast paths, on top of the stack of slots.
// Hot context: straight-line stores to the thread's own cache lines; no call, no allocation, no atomic
// read-modify-write.
// The slow paths: acquire_slow.h, hold_levels.h, hold_notes.h. Readers have a ThreadRecord instead: the same memory, without
// these operations.
#pragma once

#include <cstdint>

#include "shim/base/clock_line.h"
#include "shim/base/libc_streams.h"
#include "shim/common/glibc/lock_layout.h"
#include "shim/common/glibc/stream_layout.h"
#include "shim/record/call_sites.h"
#include "shim/record/slot_stack.h"

namespace holdwatch {

// Whether the calling thread holds the lock more than once, from glibc's own fields (layout:
// sysdeps/nptl/bits/struct_mutex.h and struct_rwlock.h, unchanged ABI since 2.30 on x86-64). The thread has just
// acquired the lock, or is about to release it, so that the fields may be read. If it holds the lock once, an older
// slot for the same lock is left over from a hold that another thread ended. Of readers, glibc counts only the total.
inline bool is_held_repeatedly(uintptr_t mutex) {
  return mutex_count(*reinterpret_cast<const pthread_mutex_t*>(mutex)) > 1;
}
inline bool held_repeatedly(LockWord lock) {
  const auto address = lock.address();
  if (lock.kind() == LockKind::mutex) return is_held_repeatedly(address);
  if (lock.kind() == LockKind::stream)
    return stream_levels(*reinterpret_cast<const StreamLock*>(address), g_uncounted.levels) > 1;
  return lock.access() == Access::shared && rwlock_readers(*reinterpret_cast<const pthread_rwlock_t*>(address)) > 1;
}

class OwnerRecord : public SlotStack {
 public:
  // Whether the next lock call may simply take the top slot, which is returned in `slot`. False at the end of a block;
  // if the slot below belongs to a lock call that has not ended, because a signal handler has interrupted it or jumped
  // out of it; and for reading while the thread has other locks, one of which may be the same. A mutex's own fields
  // show whether it is acquired again.
  template <LockKind Kind, Access How>
  [[gnu::always_inline]] bool takes_at_once(HeldSlot*& slot) const {
    slot = top();
    const LockWord known = word_below(slot);
    if (!word_of(*slot).empty()) return false;
    return How == Access::exclusive ? !known.is_no_hold() : known == LockWord::record_start();
  }

  // The same for reading the rwlock at `address`, while the thread has other locks. The caller is about to acquire the
  // lock, so that its fields may be read: if it has no readers, this thread does not hold it for reading.
  [[gnu::always_inline]] bool takes_over_others(uintptr_t address, HeldSlot*& slot) {
    return takes_at_once<LockKind::rwlock, Access::exclusive>(slot) &&
           (rwlock_readers(*reinterpret_cast<const pthread_rwlock_t*>(address)) == 0 || !has_level_of(address));
  }

  // Takes the top slot, after takes_at_once or takes_over_others, and publishes in it that the thread waits for `lock`.
  [[gnu::always_inline]] void begin_wait(HeldSlot& slot, LockWord lock, const Caller& caller, uint64_t tick_ns) {
    take_top(slot);
    fill(slot, caller, tick_ns);
    slot.word.store(lock.with_waiting().bits(), std::memory_order_release);
  }

  // Turns the wait in `slot`, whose lock call has succeeded, into a hold; false if more must be noted. Not clearing the
  // timeout tag saves an instruction.
  template <bool HasTimeout = false>
  static bool hold_at_once(HeldSlot& slot) {
    if (!needs_no_notes(slot)) return false;
    const LockWord word(slot.word.load(std::memory_order_relaxed));
    slot.word.store((HasTimeout ? word.as_hold() : word.without_waiting()).bits(), std::memory_order_release);
    return true;
  }

  // Notes an acquisition that has just succeeded and whose wait was not published; false, and nothing is done, if more
  // must be noted.
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

  // Ends the newest hold if it is of `lock` and an ordinary one: acquired once, young, nothing to learn from its end,
  // and a hold or nothing at all below it. Otherwise false, and nothing is done.
  template <LockKind Kind>
  [[gnu::always_inline]] bool drop_at_once(LockWord lock) {
    HeldSlot* slot = below(top());
    if (!word_of(*slot).is_plain_hold_of<Kind>(lock)) [[unlikely]]
      return false;
    if (slot->notes.load(std::memory_order_relaxed) == 0) [[likely]]
      return drop_young<false>(slot);
    return slot->at_release() == 0 && drop_young<true>(slot);
  }

  // The same for another level of the recursive mutex that the newest hold is of.
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

  // For an unlock that drop_at_once cannot handle: the one of the two newest holds that is of the mutex, if it is young
  // and can be dropped, because it is the only level or one level of a hold that continues; else null. `caller_sp` is
  // the stack pointer of the unlock's caller.
  HeldSlot* droppable_near_top(LockWord mutex, uintptr_t caller_sp) const {
    HeldSlot* slot = below(top());
    if (word_of(*slot) != mutex) {
      if (has_none_below(slot) || word_below(slot) != mutex) return nullptr;
      slot = below(slot);
    }
    if (slot->since_ns.load(std::memory_order_relaxed) < g_clock_line.old_before_ns.load(std::memory_order_relaxed))
      return nullptr;
    const uint32_t at_release = slot->at_release();
    if (at_release == 0) return is_held_repeatedly(mutex.address()) ? nullptr : slot;
    return at_release == kAgain && slot->sp.load(std::memory_order_relaxed) == caller_sp ? slot : nullptr;
  }

  // --- for the slow paths ---

  static Caller caller_of(const HeldSlot& slot) {
    return {slot.pc.load(std::memory_order_relaxed), slot.sp.load(std::memory_order_relaxed),
            slot.bp.load(std::memory_order_relaxed)};
  }
  CallerNotes& caller_notes(HeldSlot& slot) { return const_cast<CallerNotes&>(notes_of(slot)); }
  // The return address of the latest call made by the frame whose stack pointer was `sp` at its own lock call. 0 if it
  // cannot be read, as with an `sp` of 0, which stands for no frame.
  uintptr_t return_address_below(uintptr_t sp) const {
    return is_on_thread_stack(sp) ? *reinterpret_cast<const uintptr_t*>(sp - sizeof(uintptr_t)) : 0;
  }
  // Counts an acquisition for which there was no slot.
  void count_unrecorded() {
    unrecorded.store(unrecorded.load(std::memory_order_relaxed) + 1, std::memory_order_release);
  }

 private:
  // See drop_at_once.
  template <bool HasNotes>
  [[gnu::always_inline]] bool drop_young(HeldSlot* slot) {
    if (slot->since_ns.load(std::memory_order_relaxed) < g_clock_line.old_before_ns.load(std::memory_order_relaxed) ||
        word_below(slot).is_no_hold()) [[unlikely]]
      return false;
    slot->word.store(0, std::memory_order_release);
    if (HasNotes) slot->notes.store(0, std::memory_order_release);
    set_top(slot);
    return true;
  }

  // A hold's time counts from the tick found once the lock is acquired. That the site is known to stay also implies
  // that no option requires notes for every hold (note_every_site).
  static bool needs_no_notes(const HeldSlot& slot) {
    return slot.since_ns.load(std::memory_order_relaxed) == g_clock_line.settled_ns.load(std::memory_order_relaxed) &&
           site_stays(slot.pc.load(std::memory_order_relaxed));
  }
};
static_assert(sizeof(OwnerRecord) == sizeof(ThreadRecord), "the same memory, as its owner may use it");

}  // namespace holdwatch
