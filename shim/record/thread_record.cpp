// The rare parts of a thread's record: recursion, more locks than the inline slots, stack copies, signal handlers.
// Hot context all the same (inside lock calls): no allocation, no lock, no log.
#include "shim/record/thread_record.h"

#include <pthread.h>

#include <cstring>

#include "shim/base/clock.h"
#include "shim/base/copy_bytes.h"
#include "shim/record/callers.h"
#include "shim/record/spare_memory.h"

namespace holdwatch {
namespace {

// Whether the lock that the calling thread has just acquired is held by it more than once, from glibc's own fields
// (layout: sysdeps/nptl/bits/struct_mutex.h and struct_rwlock.h, unchanged ABI since 2.30 on x86-64). If it is not, an
// older slot for the same lock is left over from a hold that another thread ended. The caller owns the lock, so that
// the fields are there to be read.
bool held_repeatedly(LockWord word) {
  const auto address = word.address();
  if (word.kind() == LockKind::mutex) return reinterpret_cast<const pthread_mutex_t*>(address)->__data.__count > 1;
  if (word.access() == Access::exclusive) return false;
  constexpr unsigned kReaderShift = 3;  // PTHREAD_RWLOCK_READER_SHIFT
  return reinterpret_cast<const pthread_rwlock_t*>(address)->__data.__readers >> kReaderShift > 1;
}

}  // namespace

void ThreadRecord::hold_slow(LockWord word, const Caller& caller) {
  if (holds_at_top(word)) {
    HeldSlot& slot = slots_[31 - std::countl_zero(used_)];
    if (held_repeatedly(word)) {
      slot.depth.store(slot.depth.load(std::memory_order_relaxed) + 1, std::memory_order_release);
      return;
    }
    slot.word.store(0, std::memory_order_release);
    fill(slot, static_cast<size_t>(&slot - slots_), word, caller);
    return;
  }
  size_t index = 0;
  HeldSlot* slot = take_overflow_slot(&index);
  if (slot == nullptr) {
    unrecorded.store(unrecorded.load(std::memory_order_relaxed) + 1, std::memory_order_release);
    return;
  }
  fill(*slot, index, word, caller);
}

HeldSlot* ThreadRecord::take_overflow_slot(size_t* index) {
  OverflowSlots* chunk = overflow.load(std::memory_order_relaxed);
  if (chunk == nullptr) {
    chunk = static_cast<OverflowSlots*>(take_spare(SpareKind::overflow));
    if (chunk == nullptr) return nullptr;
    overflow.store(chunk, std::memory_order_release);
  }
  for (size_t group = 0; group < std::size(chunk->used); ++group) {
    const size_t bit = static_cast<size_t>(std::countr_one(chunk->used[group]));
    const size_t position = group * 64 + bit;
    if (bit == 64 || position >= kOverflowSlots) continue;
    chunk->used[group] |= uint64_t{1} << bit;
    *index = kInlineSlots + position;
    return &chunk->slots[position];
  }
  return nullptr;
}

HeldSlot* ThreadRecord::find_slow(uintptr_t address) {
  OverflowSlots* chunk = overflow.load(std::memory_order_relaxed);
  HeldSlot* newest = nullptr;
  const auto consider = [&](HeldSlot& slot) {
    if (!LockWord(slot.word.load(std::memory_order_relaxed)).is_lock_at(address)) return;
    if (newest == nullptr ||
        slot.number.load(std::memory_order_relaxed) > newest->number.load(std::memory_order_relaxed))
      newest = &slot;
  };
  if (chunk != nullptr) {
    for (size_t group = 0; group < std::size(chunk->used); ++group)
      for (uint64_t bits = chunk->used[group]; bits != 0; bits &= bits - 1)
        consider(chunk->slots[group * 64 + static_cast<size_t>(std::countr_zero(bits))]);
  }
  for (uint32_t bits = used_; bits != 0; bits &= bits - 1) consider(slots_[std::countr_zero(bits)]);
  return newest;
}

void ThreadRecord::drop_overflow_slow(HeldSlot* slot) {
  OverflowSlots* chunk = overflow.load(std::memory_order_relaxed);
  const size_t position = static_cast<size_t>(slot - chunk->slots);
  chunk->used[position / 64] &= ~(uint64_t{1} << (position % 64));
}

void ThreadRecord::restore_slow(HeldSlot* slot, LockWord word) {
  const size_t index = static_cast<size_t>(slot - slots_);
  if (index < kInlineSlots) {
    unordered_ |= used_ >> index;
    used_ |= 1u << index;
  } else {
    OverflowSlots* chunk = overflow.load(std::memory_order_relaxed);
    const size_t position = static_cast<size_t>(slot - chunk->slots);
    chunk->used[position / 64] |= uint64_t{1} << (position % 64);
  }
  slot->word.store(word.bits(), std::memory_order_release);
}

void ThreadRecord::note_callers_slow(HeldSlot& slot, size_t index, const Caller& caller) {
  const SiteKind kind = site_kind(caller.pc);
  if (kind == SiteKind::stays || !is_on_own_stack(caller.sp)) return;
  uint32_t callers = note_callers(slot, caller, stack_end.load(std::memory_order_relaxed));
  if (kind == SiteKind::unseen) callers |= kUnsettled;
  slot.callers.store(callers, std::memory_order_release);
  if (kind == SiteKind::copies) copy_stack(slot, index, caller);
}

// A frame that has returned cannot be the caller of the unlock. One that has not may still have its callers' words
// changed, when a guard's destructor made a frame of its constructor's size: then they tell.
void ThreadRecord::learn_site_slow(const HeldSlot& slot, const Caller& caller) const {
  const bool returned = caller.sp > slot.sp.load(std::memory_order_relaxed) ||
                        callers_have_changed(slot, stack_end.load(std::memory_order_relaxed));
  note_site(slot.pc.load(std::memory_order_relaxed), returned ? SiteKind::returns : SiteKind::stays);
}

void ThreadRecord::note_extras_slow(HeldSlot& slot, size_t index, const Caller& caller) {
  const uint32_t extras = g_pulse.extras.load(std::memory_order_relaxed);
  slot.tsc.store((extras & kReadTsc) != 0 ? read_tsc() : 0, std::memory_order_release);
  const bool is_copied = (slot.callers.load(std::memory_order_relaxed) & kCopied) != 0;
  if ((extras & kCopyAlways) == 0 || is_copied || !is_on_own_stack(caller.sp)) return;
  // Where frame pointers led to callers, they tell rbp too.
  if ((slot.callers.load(std::memory_order_relaxed) & kSitesMask) == 0)
    slot.sites[kNotedWords].store(caller.bp, std::memory_order_release);
  copy_stack(slot, index, caller);
}

void ThreadRecord::copy_stack(HeldSlot& slot, size_t index, const Caller& caller) {
  if (index >= kInlineSlots) return;
  StackCopies* memory = copies.load(std::memory_order_relaxed);
  if (memory == nullptr) {
    memory = static_cast<StackCopies*>(take_spare(SpareKind::stack_copies));
    if (memory == nullptr) return;
    copies.store(memory, std::memory_order_release);
  }
  const uintptr_t available = stack_end.load(std::memory_order_relaxed) - caller.sp;
  const size_t size = available < kStackCopySize ? available : kStackCopySize;
  // Pairs with the reader's fence in copy_acquired_stack: who reads a byte of this copy finds the old hold ended.
  std::atomic_thread_fence(std::memory_order_release);
  copy_bytes(memory->bytes[index], caller.sp, size);
  slot.copy_size.store(static_cast<uint32_t>(size), std::memory_order_release);
  slot.callers.store(slot.callers.load(std::memory_order_relaxed) | kCopied, std::memory_order_release);
}

ThreadRecord::SavedWait ThreadRecord::save_wait_slow() const {
  return {waiting_.word.load(std::memory_order_relaxed),
          waiting_.since_ns.load(std::memory_order_relaxed),
          {waiting_.pc.load(std::memory_order_relaxed), waiting_.sp.load(std::memory_order_relaxed),
           waiting_.bp.load(std::memory_order_relaxed)}};
}

void ThreadRecord::restore_wait_slow(const SavedWait& saved) {
  begin_wait(LockWord(saved.word), saved.caller, saved.since_ns);
}

HeldSlot* ThreadRecord::slot(size_t index) {
  if (index < kInlineSlots) return &slots_[index];
  OverflowSlots* chunk = overflow.load(std::memory_order_acquire);
  return chunk == nullptr ? nullptr : &chunk->slots[index - kInlineSlots];
}

const unsigned char* ThreadRecord::stack_copy(size_t index) const {
  const StackCopies* memory = copies.load(std::memory_order_acquire);
  return memory == nullptr || index >= kInlineSlots ? nullptr : memory->bytes[index];
}

bool ThreadRecord::holds_nothing() {
  for (size_t index = 0; index < slot_limit(); ++index)
    if (slot(index)->word.load(std::memory_order_relaxed) != 0) return false;
  return true;
}

void ThreadRecord::clear() {
  end_wait();
  for (size_t index = 0; index < slot_limit(); ++index) slot(index)->word.store(0, std::memory_order_release);
  used_ = unordered_ = 0;
  if (OverflowSlots* chunk = overflow.load(std::memory_order_relaxed); chunk != nullptr)
    std::memset(chunk->used, 0, sizeof chunk->used);
}

}  // namespace holdwatch
