// The rare parts of a thread's record: recursion, more locks than a block has slots, holes, stack copies, signal handlers.
// Hot context all the same (inside lock calls): no allocation, no lock, no log.
#include "shim/record/thread_record.h"

#include <pthread.h>

#include <algorithm>
#include <initializer_list>

#include "shim/base/clock.h"
#include "shim/common/glibc/lock_layout.h"
#include "shim/common/kernel/copy_bytes.h"
#include "shim/record/callers.h"
#include "shim/record/spare_memory.h"
#include "shim/record/stamp.h"

namespace holdwatch {

uintptr_t g_main_frames_end = 0;

namespace {

// Of a hold that is over.
void forget_notes(HeldSlot& slot) {
  slot.notes.store(0, std::memory_order_release);
}

void deepen(HeldSlot& slot) {
  slot.set_at_release(slot.at_release() + 1);
}

Caller caller_of(const HeldSlot& slot) {
  return {slot.pc.load(std::memory_order_relaxed), slot.sp.load(std::memory_order_relaxed),
          slot.bp.load(std::memory_order_relaxed)};
}

// Whether an unlock may be the last act of the function that took `level`, made a jump by the compiler: then it returns to
// where that function would have.
bool ends_in_jump(const HeldSlot& level, const Caller& caller) {
  const bool is_again = (level.at_release() & kAgain) != 0;
  return (is_again && level.tsc.load(std::memory_order_relaxed) == caller.pc) ||
         was_noted(level, ThreadRecord::notes_of(level), caller);
}

// Whether lock and unlock may be made by functions of their own, both called by one frame.
bool is_wrapped_like(const HeldSlot& level, const Caller& caller) {
  constexpr uintptr_t kMaxDifference = 32;
  return level.sp.load(std::memory_order_relaxed) - caller.sp + kMaxDifference <= 2 * kMaxDifference &&
         site_of(level.pc.load(std::memory_order_relaxed)).kind == SiteKind::returns;
}

}  // namespace

// --- the stack of slots ---

HeldSlot* ThreadRecord::find(uintptr_t address) {
  const auto search = [&]() -> HeldSlot* {
    for (HeldSlot* slot = next_below(top()); slot != nullptr; slot = next_below(slot)) {
      const LockWord word = word_of(*slot);
      if (word.is_lock_at(address) && !word.is_no_hold()) return slot;
    }
    return nullptr;
  };
  if (HeldSlot* slot = search(); slot != nullptr) [[likely]]
    return slot;
  skip_used_top();
  return search();
}

// The next hold of the lock in an older slot.
HeldSlot* ThreadRecord::next_below_of(HeldSlot* slot, LockWord lock) {
  while ((slot = next_below(slot)) != nullptr)
    if (word_of(*slot).is_hold() && word_of(*slot).is_same_lock(lock)) break;
  return slot;
}

// The slot below `slot`, in an older block too; null below the first.
HeldSlot* ThreadRecord::next_below(HeldSlot* slot) {
  if (is_block_start(slot)) slot = older_block_end(slot);
  return slot == nullptr ? nullptr : below(slot);
}

// Whether the thread has, or wants, the lock at `address`.
bool ThreadRecord::has_level_of(uintptr_t address) {
  for (HeldSlot* slot = next_below(top()); slot != nullptr; slot = next_below(slot))
    if (word_of(*slot).is_lock_at(address)) return true;
  return false;
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
  const bool is_top = &slot + 1 == top();
  slot.word.store(is_top ? 0 : LockWord::hole().bits(), std::memory_order_release);
  forget_notes(slot);
  if (is_top) give_top_back_to(&slot);
  // A block that has become empty has its older one's end for the top.
  if (is_block_start(top()) || (is_top && word_below(top()).is_hole())) pop_slow();
}

// Lets go of the holes below the top, and of a block with nothing in it.
void ThreadRecord::pop_slow() {
  HeldSlot* top_slot = top();
  while (true) {
    if (is_block_start(top_slot)) {
      HeldSlot* older = older_block_end(top_slot);
      // A block that is full stays so: the next lock call would have to come back at once.
      if (older == nullptr || !word_below(older).is_hole()) break;
      top_slot = older;
    }
    if (!word_below(top_slot).is_hole()) break;
    --top_slot;
    top_slot->word.store(0, std::memory_order_release);
    forget_notes(*top_slot);
  }
  give_top_back_to(top_slot);
}

// A slot for a lock call whose caller has the stack pointer `sp`; null if none is left.
HeldSlot* ThreadRecord::take_slot_slow(uintptr_t sp) {
  skip_used_top();
  drop_left_over_calls(sp);
  // Holes come last: a newer hold would stand below an older one.
  HeldSlot* slot = is_block_end(top()) ? next_block_slow() : top();
  if (slot == nullptr) return take_hole_slow();
  take_top(*slot);
  return slot;
}

// A handler may have given up a slot that it had interrupted the taking of, and that was filled when it returned.
void ThreadRecord::skip_used_top() {
  while (!is_block_end(top()) && !word_of(*top()).empty()) give_top_back_to(top() + 1);
}

// A lock call has begun and not ended, and yet its thread makes another one: either in a signal handler that has interrupted
// it, or because a handler left it for good (siglongjmp). What it has published is a wait, or nothing yet, or nothing any
// more.
void ThreadRecord::drop_left_over_calls(uintptr_t sp) {
  while (word_below(top()).is_no_hold()) {
    HeldSlot& call = *below(top());
    if (!word_of(call).is_hole() && !is_left_for_good(call, sp)) return;
    drop(call);
  }
}

// The handler's frames lie below those that it interrupted, unless it has a stack of its own, which may be anywhere; but as
// long as the call has not been left, its return address stands where it was. Before a call has noted its stack pointer, the
// first that it notes, an older call's stands there: should that one look as if it had been left, a handler may have the slot
// all the same, for the interrupted call is still to fill in all of it.
bool ThreadRecord::is_left_for_good(const HeldSlot& call, uintptr_t sp) const {
  const uintptr_t call_sp = call.sp.load(std::memory_order_relaxed);
  if (!is_on_own_stack(sp) || !is_on_own_stack(call_sp) || call_sp > sp) return false;
  const uintptr_t return_address = *reinterpret_cast<const uintptr_t*>(call_sp - sizeof(uintptr_t));
  return call_sp == sp || return_address != call.pc.load(std::memory_order_relaxed);
}

// All slots of the block are in use or holes: one of the latter, in any block.
HeldSlot* ThreadRecord::take_hole_slow() {
  for (HeldSlot* slot = next_below(top()); slot != nullptr; slot = next_below(slot)) {
    if (!word_of(*slot).is_hole()) continue;
    // A signal handler that looks for one in between is to find another.
    slot->word.store(LockWord::block_end().bits(), std::memory_order_release);
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
  const size_t next = top() == slots_ + kInlineSlots
                          ? 0
                          : (reinterpret_cast<uintptr_t>(top()) - reinterpret_cast<uintptr_t>(chunk)) / kBlockSize + 1;
  if (next == kOverflowBlocks) return nullptr;
  OverflowBlock& block = chunk->blocks[next];
  for (auto* end : {&block.lower_end, &block.upper_end})
    end->store(LockWord::block_end().bits(), std::memory_order_relaxed);
  return block.slots;
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
  const Levels before = levels_before(slot, lock);
  if (before.count >= kSitedLevels) {
    drop(slot);
    return deepen(*before.newest);
  }
  if (before.count != 0) slot.set_at_release(kAgain);
  settle(slot, lock);
  if (before.count != 0) slot.tsc.store(return_address_below(before.frame_sp), std::memory_order_release);
}

// The levels by which the thread had the lock before it took it in `slot`; none if it has it once now. Then older holds were
// ended by other threads: they are dropped, lest they fill the record where locks are taken by one thread and given up
// by another.
ThreadRecord::Levels ThreadRecord::levels_before(HeldSlot& slot, LockWord lock) {
  Levels before;
  const uintptr_t sp = slot.sp.load(std::memory_order_relaxed);
  for (HeldSlot* other = next_below_of(top(), lock); other != nullptr; other = next_below_of(other, lock)) {
    if (other == &slot) continue;
    if (before.count == 0 && (word_of(*other).access() != lock.access() || !held_repeatedly(lock))) {
      drop(*other);
      continue;
    }
    if (before.count++ == 0) before.newest = other;
    const uintptr_t other_sp = other->sp.load(std::memory_order_relaxed);
    if (before.frame_sp == 0 && other_sp > sp) before.frame_sp = other_sp;
  }
  return before;
}

void ThreadRecord::hold_slow(LockWord lock, const Caller& caller) {
  HeldSlot* slot = take_slot_slow(caller.sp);
  if (slot == nullptr) return count_unrecorded();
  fill(*slot, caller, 0);
  hold_waited_slow(*slot, lock);
}

// --- levels ---

HeldSlot* ThreadRecord::older_level(HeldSlot& slot, LockWord lock) {
  if ((slot.at_release() & kAgain) == 0 && !held_repeatedly(lock)) return nullptr;
  HeldSlot* older = next_below_of(&slot, lock);
  return older != nullptr && word_of(*older).access() == lock.access() ? older : nullptr;
}

// Which level `caller` gives up. Unlocks do not say so, but a function gives up what it has taken: the newest level that was
// taken from the same frame, or from almost the same, where lock and unlock are wrapped in functions of their own (code without
// optimisation). If the unlock is a jump the function's frame is gone: it is the one whose return address the unlock has, and
// of those that returned into one another by jumps, or were leaked, the outermost. Else it is the newest, which a helper may
// have taken that has returned.
HeldSlot& ThreadRecord::level_given_up(HeldSlot& newest, LockWord lock, const Caller& caller) {
  const bool is_known = (newest.at_release() & kAgain) != 0;
  HeldSlot* by_jump = nullptr;
  HeldSlot* near = nullptr;
  HeldSlot* staying = nullptr;  // taken where functions do not hand the lock out
  const auto sp_of = [](const HeldSlot* level) { return level->sp.load(std::memory_order_relaxed); };
  const auto is_outer = [&](const HeldSlot* level, const HeldSlot* known) {
    return sp_of(level) < caller.sp && (known == nullptr || sp_of(level) > sp_of(known));
  };
  for (HeldSlot* level = &newest; level != nullptr && !level->is_given_up(); level = older_level(*level, lock)) {
    if (sp_of(level) == caller.sp) return by_jump != nullptr ? *by_jump : is_known ? *level : newest;
    if (is_outer(level, by_jump) && ends_in_jump(*level, caller)) by_jump = level;
    if (near == nullptr && is_wrapped_like(*level, caller)) near = level;
    if (is_outer(level, staying) && site_of(level->pc.load(std::memory_order_relaxed)).kind == SiteKind::stays)
      staying = level;
  }
  if (staying != nullptr && is_outer(staying, by_jump)) return *staying;
  if (by_jump != nullptr) return *by_jump;
  if (near != nullptr) return *near;
  return newest;
}

void ThreadRecord::give_up_level(HeldSlot& newest, LockWord lock, const Caller& caller) {
  HeldSlot& level = level_given_up(newest, lock, caller);
  const uint32_t at_release = level.at_release();
  if ((at_release & kDepthMask) != 0) return level.set_at_release(at_release - 1);
  learn_site(level, caller);
  // The first one stays as long as the hold does.
  if (older_level(level, lock) == nullptr)
    level.set_at_release(kGivenUp);
  else
    drop(level);
}

bool ThreadRecord::is_last_level_slow(HeldSlot& newest, LockWord lock, HeldSlot** first) {
  if (newest.depth() != 0) return false;
  HeldSlot* older = older_level(newest, lock);
  if (older != nullptr && !older->is_given_up()) return false;
  *first = older == nullptr ? &newest : older;
  return true;
}

void ThreadRecord::settle(HeldSlot& slot, LockWord lock) {
  const uint64_t settled_ns = g_clock_line.settled_ns.load(std::memory_order_relaxed);
  if (settled_ns == 0) [[unlikely]]
    return settle_now_slow(slot, lock);
  slot.since_ns.store(settled_ns, std::memory_order_release);
  if (!site_stays(slot.pc.load(std::memory_order_relaxed))) return settle_noted(slot, lock);
  slot.word.store(lock.bits(), std::memory_order_release);
}

// Where calls are few.
void ThreadRecord::settle_now_slow(HeldSlot& slot, LockWord lock) {
  slot.since_ns.store(stamp_slow(), std::memory_order_release);
  settle_noted(slot, lock);
}

void ThreadRecord::settle_noted_slow(HeldSlot& slot, LockWord lock) {
  note_callers_slow(slot);
  slot.word.store(lock.bits(), std::memory_order_release);
}

// The counter is read last: what comes before it is done while the lock's own instruction waits for the cache.
void ThreadRecord::settle_with_extras_slow(HeldSlot& slot, LockWord lock) {
  const uint32_t extras = g_clock_line.extras.load(std::memory_order_relaxed);
  if (!site_stays_if_noted(slot.pc.load(std::memory_order_relaxed))) note_callers_slow(slot);
  if ((extras & kCopyAlways) != 0) copy_every_stack(slot);
  if ((extras & kReadTsc) != 0) slot.tsc.store(read_tsc(), std::memory_order_release);
  slot.word.store(lock.bits(), std::memory_order_release);
}

void ThreadRecord::note_callers_slow(HeldSlot& slot) {
  const Caller caller = caller_of(slot);
  const Site site = site_of(caller.pc);
  if (site.kind == SiteKind::stays || !is_on_own_stack(caller.sp)) return;
  const uint32_t links = site.is_settled && site.links != 0 ? site.links : kPackedSites;
  const uint32_t noted = note_callers(own_notes(slot), caller, stack_end.load(std::memory_order_relaxed), links);
  slot.set_noted(noted);
  if (!site.is_settled) {
    slot.set_at_release(slot.at_release() | kUnsettled);
    // Few holds are from there: dating them exactly costs nothing that counts.
    slot.since_ns.store(exact_stamp(slot.since_ns.load(std::memory_order_relaxed)), std::memory_order_release);
  }
  if (site.kind == SiteKind::copies) copy_stack(slot, kStackCopySize);
}

// A frame that has returned cannot be the caller of the unlock, unless the unlock is the last thing that its function does
// and the compiler made it a jump: then the call returns to where that function would have. A frame that has not returned
// may still have its callers' words changed, when a guard's destructor made a frame of its constructor's size: they tell.
void ThreadRecord::learn_site(const HeldSlot& slot, const Caller& caller) const {
  if ((slot.at_release() & kUnsettled) == 0) return;
  const CallerNotes& notes = notes_of(slot);
  const bool became_jump = was_noted(slot, notes, caller);
  const bool is_lower = caller.sp <= slot.sp.load(std::memory_order_relaxed) || became_jump;
  // Below the place that a jump leaves on top there are frames of ours by now.
  const uintptr_t lowest = became_jump ? caller.sp - sizeof(uintptr_t) : 0;
  const uint32_t changed = changed_callers(slot, notes, lowest, stack_end.load(std::memory_order_relaxed));
  const uintptr_t pc = slot.pc.load(std::memory_order_relaxed);
  if (changed == 0 && is_lower) return note_site(pc, SiteKind::stays);
  // The last that changed led into a frame that is still there, where the live stack goes on.
  const bool has_links = (slot.noted() & kSitesMask) != 0;
  note_site(pc, SiteKind::returns, has_links ? std::max(changed, kFewestLinks) : 0);
}

void ThreadRecord::copy_every_stack(HeldSlot& slot) {
  const Caller caller = caller_of(slot);
  const uint32_t noted = slot.noted();
  if ((noted & kCopied) != 0 || !is_on_own_stack(caller.sp)) return;
  // Few holds come from a site that nothing is known of yet: the first report is to have all of the stack.
  const bool is_new = (slot.at_release() & kUnsettled) != 0;
  copy_stack(slot, is_new ? kStackCopySize : kUsualCopySize);
}

void ThreadRecord::copy_stack(HeldSlot& slot, size_t most) {
  const size_t index = index_of_slot(slot);
  if (index >= kInlineSlots) return;
  StackCopies* memory = copies.load(std::memory_order_relaxed);
  if (memory == nullptr) {
    memory = static_cast<StackCopies*>(take_spare(SpareKind::stack_copies));
    if (memory == nullptr) return;
    copies.store(memory, std::memory_order_release);
  }
  const uintptr_t end = stack_end.load(std::memory_order_relaxed);
  const uintptr_t sp = slot.sp.load(std::memory_order_relaxed);
  const uintptr_t available = std::min(end - sp, g_main_frames_end - sp);
  const size_t size = std::min(available, most);
  // Pairs with the reader's fence in copy_acquired_stack: who reads a byte of this copy finds the old hold ended.
  std::atomic_thread_fence(std::memory_order_release);
  copy_bytes(memory->bytes[index], sp, size);
  memory->sizes[index].store(static_cast<uint32_t>(size), std::memory_order_release);
  slot.set_noted(slot.noted() | kCopied);
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

uint32_t ThreadRecord::used_limit() const {
  // The slot at the top may be in use for a moment: see take_slot_slow.
  const HeldSlot* top_slot = top_.load(std::memory_order_acquire);
  return std::min(index_of_slot(*top_slot) + 1, static_cast<uint32_t>(slot_limit()));
}

// By an instruction (Intel's manual, volume 2, CMPXCHG16B): compilers would call a library for 16 bytes.
bool ThreadRecord::drop_use(HeldSlot& slot, LockWord word, uint64_t number) {
  static_assert(offsetof(HeldSlot, word) == 0 && offsetof(HeldSlot, number) == sizeof(uint64_t));
  auto& both = reinterpret_cast<unsigned char(&)[2 * sizeof(uint64_t)]>(slot);
  uint64_t low = word.bits(), high = number;
  bool done = false;
  __asm__ volatile("lock cmpxchg16b %1"
                   : "=@ccz"(done), "+m"(both), "+a"(low), "+d"(high)
                   : "b"(LockWord::hole().bits()), "c"(number)
                   : "memory");
  return done;
}

const HeldSlot* ThreadRecord::waiting() const {
  auto* self = const_cast<ThreadRecord*>(this);
  for (uint32_t index = used_limit(); index-- > 0;) {
    const HeldSlot* slot = self->slot(index);
    if (LockWord(slot->word.load(std::memory_order_acquire)).waiting()) return slot;
  }
  return nullptr;
}

const HeldSlot* ThreadRecord::level_left(const HeldSlot& first) {
  const LockWord lock(first.word.load(std::memory_order_acquire));
  for (uint32_t index = 0, limit = used_limit(); index < limit; ++index) {
    const HeldSlot& other = *slot(index);
    const LockWord word(other.word.load(std::memory_order_acquire));
    if (&other != &first && word.is_hold() && word.is_same_lock(lock) && !other.is_given_up()) return &other;
  }
  return nullptr;
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
  lower_end_.store(LockWord::record_start().bits(), std::memory_order_relaxed);
  upper_end_.store(LockWord::block_end().bits(), std::memory_order_relaxed);
  top_.store(slots_, std::memory_order_release);
}

}  // namespace holdwatch
