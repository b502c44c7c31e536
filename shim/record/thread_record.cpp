// The rare parts of a thread's record: recursion, more locks than a block has slots, holes, stack copies, signal handlers.
// Hot context all the same (inside lock calls): no allocation, no lock, no log.
#include "shim/record/thread_record.h"

#include <pthread.h>

#include <algorithm>

#include "shim/base/clock.h"
#include "shim/base/copy_bytes.h"
#include "shim/base/lock_layout.h"
#include "shim/record/callers.h"
#include "shim/record/spare_memory.h"
#include "shim/record/stamp.h"

namespace holdwatch {

uintptr_t g_main_frames_end = 0;

namespace {

// Whether the lock that the calling thread has just acquired is held by it more than once, from glibc's own fields
// (layout: sysdeps/nptl/bits/struct_mutex.h and struct_rwlock.h, unchanged ABI since 2.30 on x86-64). If it is not, an
// older slot for the same lock is left over from a hold that another thread ended. The caller owns the lock, so that
// the fields are there to be read.
bool held_repeatedly(LockWord lock) {
  const auto address = lock.address();
  if (lock.kind() == LockKind::mutex) return mutex_count(*reinterpret_cast<const pthread_mutex_t*>(address)) > 1;
  if (lock.access() == Access::exclusive) return false;
  return rwlock_readers(*reinterpret_cast<const pthread_rwlock_t*>(address)) > 1;
}

LockWord word_of(const HeldSlot& slot) {
  return LockWord(slot.word.load(std::memory_order_relaxed));
}

// Of a hold that is over.
void forget_notes(HeldSlot& slot) {
  slot.at_release.store(0, std::memory_order_release);
  slot.noted.store(0, std::memory_order_release);
}

Caller caller_of(const HeldSlot& slot) {
  return {slot.pc.load(std::memory_order_relaxed), slot.sp.load(std::memory_order_relaxed),
          slot.bp.load(std::memory_order_relaxed)};
}

}  // namespace

// --- the stack of slots ---

HeldSlot* ThreadRecord::find(uintptr_t address) {
  for (HeldSlot* slot = next_below(top_); slot != nullptr; slot = next_below(slot)) {
    const LockWord word = word_of(*slot);
    if (word.is_lock_at(address) && !word.waiting()) return slot;
  }
  return nullptr;
}

// The slot below `slot`, in an older block too; null below the first.
HeldSlot* ThreadRecord::next_below(HeldSlot* slot) {
  if (is_block_start(slot)) slot = older_block_end(slot);
  return slot == nullptr ? nullptr : below(slot);
}

// Where the slots of the block before the one that begins with `first` end; null before the record's own.
HeldSlot* ThreadRecord::older_block_end(const HeldSlot* first) {
  if (first == slots_) return nullptr;
  OverflowBlock* blocks = overflow.load(std::memory_order_relaxed)->blocks;
  return first == blocks[0].slots
             ? slots_ + kInlineSlots
             : reinterpret_cast<OverflowBlock*>(reinterpret_cast<uintptr_t>(first) - kCacheLine)[-1].slots +
                   kBlockSlots;
}

void ThreadRecord::drop(HeldSlot& slot) {
  const bool is_top = &slot + 1 == top_;
  slot.word.store(is_top ? 0 : LockWord::hole().bits(), std::memory_order_release);
  forget_notes(slot);
  if (is_top) give_top_back_to(&slot);
  // A block that has become empty has its older one's end for the top.
  if (is_top || is_block_start(top_)) pop_slow();
}

// Lets go of the holes below the top, and of a block with nothing in it.
void ThreadRecord::pop_slow() {
  HeldSlot* top = top_;
  while (true) {
    if (is_block_start(top)) {
      HeldSlot* older = older_block_end(top);
      // A block that is full stays so: the next lock call would have to come back at once.
      if (older == nullptr || !word_below(older).is_hole()) break;
      top = older;
    }
    if (!word_below(top).is_hole()) break;
    --top;
    top->word.store(0, std::memory_order_release);
    forget_notes(*top);
  }
  give_top_back_to(top);
}

// A slot for a lock call whose caller has the stack pointer `sp`; null if none is left.
HeldSlot* ThreadRecord::take_slot_slow(uintptr_t sp) {
  drop_left_over_waits(sp);
  if (!is_block_end(top_)) return &take_top();
  // Holes come last: a newer hold would stand below an older one.
  HeldSlot* first = next_block_slow();
  if (first == nullptr) return take_hole_slow();
  give_top_back_to(first);
  return &take_top();
}

// A wait is published, and yet its thread makes a lock call: either in a signal handler, or because a handler left the call
// for good (longjmp). The handler's frames lie below those that it interrupted, unless it has a stack of its own, which may be
// anywhere; but as long as the call has not been left, its return address stands where it was.
void ThreadRecord::drop_left_over_waits(uintptr_t sp) {
  while (word_below(top_).waiting()) {
    HeldSlot& wait = *below(top_);
    const uintptr_t wait_sp = wait.sp.load(std::memory_order_relaxed);
    if (!is_on_own_stack(sp) || !is_on_own_stack(wait_sp) || wait_sp > sp) return;
    const uintptr_t return_address = *reinterpret_cast<const uintptr_t*>(wait_sp - sizeof(uintptr_t));
    if (wait_sp != sp && return_address == wait.pc.load(std::memory_order_relaxed)) return;
    drop(wait);
  }
}

// All slots of the block are in use or holes: one of the latter, in any block.
HeldSlot* ThreadRecord::take_hole_slow() {
  for (HeldSlot* slot = next_below(top_); slot != nullptr; slot = next_below(slot)) {
    if (!word_of(*slot).is_hole()) continue;
    // A signal handler that looks for one in between is to find another.
    slot->word.store(LockWord::bottom().bits(), std::memory_order_release);
    forget_notes(*slot);
    std::atomic_signal_fence(std::memory_order_seq_cst);
    return slot;
  }
  return nullptr;
}

// The first slot of the block after the top's; null if there is none.
HeldSlot* ThreadRecord::next_block_slow() {
  OverflowSlots* chunk = overflow.load(std::memory_order_relaxed);
  if (chunk == nullptr) {
    chunk = static_cast<OverflowSlots*>(take_spare(SpareKind::overflow));
    if (chunk == nullptr) return nullptr;
    overflow.store(chunk, std::memory_order_release);
  }
  const size_t next = top_ == slots_ + kInlineSlots
                          ? 0
                          : (reinterpret_cast<uintptr_t>(top_) - reinterpret_cast<uintptr_t>(chunk)) / kBlockSize + 1;
  if (next == kOverflowBlocks) return nullptr;
  chunk->blocks[next].bottom.store(LockWord::bottom().bits(), std::memory_order_relaxed);
  return chunk->blocks[next].slots;
}

// --- acquisitions ---

HeldSlot* ThreadRecord::begin_wait_slow(LockWord lock, const Caller& caller, uint64_t tick_ns) {
  HeldSlot* slot = take_slot_slow(caller.sp);
  if (slot == nullptr) return nullptr;
  fill(*slot, caller, tick_ns);
  slot->word.store(lock.with_waiting().bits(), std::memory_order_release);
  return slot;
}

void ThreadRecord::hold_waited_slow(HeldSlot& slot, LockWord lock) {
  if (is_again_slow(slot, lock)) return;
  drop_ended_holds_of(slot, lock);
  settle(slot, lock);
}

// Older holds of a lock that the thread has once now were ended by other threads. They would fill the record where locks are
// taken by one thread and given up by another.
void ThreadRecord::drop_ended_holds_of(const HeldSlot& slot, LockWord lock) {
  for (HeldSlot* other = next_below(top_); other != nullptr; other = next_below(other))
    if (other != &slot && word_of(*other).is_hold() && word_of(*other).is_same_lock(lock)) {
      if (held_repeatedly(lock)) return;
      drop(*other);
    }
}

void ThreadRecord::hold_slow(LockWord lock, const Caller& caller) {
  HeldSlot* slot = take_slot_slow(caller.sp);
  if (slot == nullptr) return count_unrecorded();
  fill(*slot, caller, 0);
  hold_waited_slow(*slot, lock);
}

HeldSlot* ThreadRecord::relocked(LockWord lock) const {
  if (lock.kind() != LockKind::mutex || !word_below(top_).is_same_lock(lock) || word_below(top_).waiting())
    return nullptr;
  const auto& mutex = *reinterpret_cast<const pthread_mutex_t*>(lock.address());
  const bool is_ours =
      mutex_type(mutex) == PTHREAD_MUTEX_RECURSIVE && mutex_owner(mutex) == tid.load(std::memory_order_relaxed);
  return is_ours ? below(top_) : nullptr;
}

// Whether `slot` is of a lock that the slot below already has. If the thread holds it twice now, the older hold goes on, one
// deeper, and `slot` is given back. If not, the older one was ended by another thread.
bool ThreadRecord::is_again_slow(HeldSlot& slot, LockWord lock) {
  const LockWord known = word_below(&slot);
  if (known.waiting() || !known.is_same_lock(lock)) return false;
  HeldSlot& older = *below(&slot);
  if (!held_repeatedly(lock) || known.access() != lock.access()) {
    drop(older);
    return false;
  }
  drop(slot);
  deepen(older);
  return true;
}

void ThreadRecord::settle(HeldSlot& slot, LockWord lock) {
  const uint64_t settled_ns = g_pulse.settled_ns.load(std::memory_order_relaxed);
  if (settled_ns == 0) [[unlikely]]
    return settle_now_slow(slot, lock);
  slot.since_ns.store(settled_ns, std::memory_order_release);
  if (!site_stays(slot.pc.load(std::memory_order_relaxed))) return settle_noted_slow(slot, lock);
  slot.word.store(lock.bits(), std::memory_order_release);
}

// Where calls are few.
void ThreadRecord::settle_now_slow(HeldSlot& slot, LockWord lock) {
  slot.since_ns.store(stamp_slow(), std::memory_order_release);
  settle_noted_slow(slot, lock);
}

void ThreadRecord::settle_noted_slow(HeldSlot& slot, LockWord lock) {
  note_callers_slow(slot);
  if (g_pulse.extras.load(std::memory_order_relaxed) != 0) note_extras_slow(slot);
  slot.word.store(lock.bits(), std::memory_order_release);
}

void ThreadRecord::note_callers_slow(HeldSlot& slot) {
  const Caller caller = caller_of(slot);
  const Site site = site_of(caller.pc);
  if (site.kind == SiteKind::stays || !is_on_own_stack(caller.sp)) return;
  const uint32_t links = site.is_settled && site.links != 0 ? site.links : kPackedSites;
  const uint32_t noted = note_callers(own_notes(slot), caller, stack_end.load(std::memory_order_relaxed), links);
  slot.noted.store(noted, std::memory_order_release);
  if (!site.is_settled) {
    slot.at_release.store(kUnsettled, std::memory_order_release);
    // Few holds are from there: dating them exactly costs nothing that counts.
    slot.since_ns.store(exact_stamp(slot.since_ns.load(std::memory_order_relaxed)), std::memory_order_release);
  }
  if (site.kind == SiteKind::copies) copy_stack(slot, caller, kStackCopySize);
}

// A frame that has returned cannot be the caller of the unlock, unless the unlock is the last thing that its function does
// and the compiler made it a jump: then the call returns to where that function would have. A frame that has not returned
// may still have its callers' words changed, when a guard's destructor made a frame of its constructor's size: they tell.
void ThreadRecord::learn_site(const HeldSlot& slot, const Caller& caller) const {
  if ((slot.at_release.load(std::memory_order_relaxed) & kUnsettled) == 0) return;
  const CallerNotes& notes = notes_of(slot);
  const bool became_jump = was_noted(slot, notes, caller);
  const bool is_lower = caller.sp <= slot.sp.load(std::memory_order_relaxed) || became_jump;
  // Below the place that a jump leaves on top there are frames of ours by now.
  const uintptr_t lowest = became_jump ? caller.sp - sizeof(uintptr_t) : 0;
  const uint32_t changed = changed_callers(slot, notes, lowest, stack_end.load(std::memory_order_relaxed));
  const uintptr_t pc = slot.pc.load(std::memory_order_relaxed);
  if (changed == 0 && is_lower) return note_site(pc, SiteKind::stays);
  // The last that changed led into a frame that is still there, where the live stack goes on.
  const bool has_links = (slot.noted.load(std::memory_order_relaxed) & kSitesMask) != 0;
  note_site(pc, SiteKind::returns, has_links ? std::max(changed, kFewestLinks) : 0);
}

void ThreadRecord::note_extras_slow(HeldSlot& slot) {
  const uint32_t extras = g_pulse.extras.load(std::memory_order_relaxed);
  if ((extras & kReadTsc) != 0) slot.tsc.store(read_tsc(), std::memory_order_release);
  const Caller caller = caller_of(slot);
  const uint32_t noted = slot.noted.load(std::memory_order_relaxed);
  if ((extras & kCopyAlways) == 0 || (noted & kCopied) != 0 || !is_on_own_stack(caller.sp)) return;
  // Where frame pointers led to callers, they tell rbp too.
  if ((noted & kSitesMask) == 0) own_notes(slot).sites[kNotedWords].store(caller.bp, std::memory_order_release);
  copy_stack(slot, caller, kUsualCopySize);
}

void ThreadRecord::copy_stack(HeldSlot& slot, const Caller& caller, size_t most) {
  const size_t index = index_of_slot(slot);
  if (index >= kInlineSlots) return;
  StackCopies* memory = copies.load(std::memory_order_relaxed);
  if (memory == nullptr) {
    memory = static_cast<StackCopies*>(take_spare(SpareKind::stack_copies));
    if (memory == nullptr) return;
    copies.store(memory, std::memory_order_release);
  }
  const uintptr_t end = stack_end.load(std::memory_order_relaxed);
  const uintptr_t available = std::min(end - caller.sp, g_main_frames_end - caller.sp);
  const size_t size = std::min(available, most);
  // Pairs with the reader's fence in copy_acquired_stack: who reads a byte of this copy finds the old hold ended.
  std::atomic_thread_fence(std::memory_order_release);
  copy_bytes(memory->bytes[index], caller.sp, size);
  memory->sizes[index].store(static_cast<uint32_t>(size), std::memory_order_release);
  slot.noted.store(slot.noted.load(std::memory_order_relaxed) | kCopied, std::memory_order_release);
}

// --- cold ---

HeldSlot* ThreadRecord::slot(size_t index) {
  if (index < kInlineSlots) return &slots_[index];
  OverflowSlots* chunk = overflow.load(std::memory_order_acquire);
  const size_t beyond = index - kInlineSlots;
  return chunk == nullptr || index >= kHeldSlots ? nullptr
                                                 : &chunk->blocks[beyond / kBlockSlots].slots[beyond % kBlockSlots];
}

uint32_t ThreadRecord::index_of_slot(const HeldSlot& slot) const {
  const auto address = reinterpret_cast<uintptr_t>(&slot);
  const auto block = address - address % kBlockSize;
  const auto position = static_cast<uint32_t>(address % kBlockSize / kCacheLine - 1);
  if (block == reinterpret_cast<uintptr_t>(this)) return position;
  const auto chunk = reinterpret_cast<uintptr_t>(overflow.load(std::memory_order_relaxed));
  return static_cast<uint32_t>(kInlineSlots + (block - chunk) / kBlockSize * kBlockSlots) + position;
}

const HeldSlot* ThreadRecord::waiting() const {
  auto* self = const_cast<ThreadRecord*>(this);
  const HeldSlot* newest = nullptr;
  for (size_t index = 0, limit = slot_limit(); index < limit; ++index) {
    const HeldSlot* slot = self->slot(index);
    const LockWord word(slot->word.load(std::memory_order_acquire));
    if (word.empty()) break;
    if (word.waiting()) newest = slot;
  }
  return newest;
}

const unsigned char* ThreadRecord::stack_copy(size_t index, size_t* size) const {
  const StackCopies* memory = copies.load(std::memory_order_acquire);
  if (memory == nullptr || index >= kInlineSlots) return nullptr;
  *size = memory->sizes[index].load(std::memory_order_acquire);
  return memory->bytes[index];
}

bool ThreadRecord::holds_nothing() {
  for (size_t index = 0; index < slot_limit(); ++index)
    if (word_of(*slot(index)).is_hold()) return false;
  return true;
}

void ThreadRecord::end_waits() {
  for (size_t index = 0; index < slot_limit(); ++index)
    if (word_of(*slot(index)).waiting()) slot(index)->word.store(LockWord::hole().bits(), std::memory_order_release);
}

void ThreadRecord::clear() {
  for (size_t index = 0; index < slot_limit(); ++index) {
    HeldSlot& one = *slot(index);
    one.word.store(0, std::memory_order_release);
    forget_notes(one);
  }
  bottom_.store(LockWord::bottom().bits(), std::memory_order_relaxed);
  top_ = slots_;
}

}  // namespace holdwatch
