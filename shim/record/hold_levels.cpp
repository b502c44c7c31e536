// See hold_levels.h.
#include "shim/record/hold_levels.h"

#include "shim/record/call_sites.h"
#include "shim/record/callers.h"
#include "shim/record/hold_notes.h"

namespace holdwatch {

HeldSlot* older_level(OwnerRecord& record, const HeldSlot& slot, LockWord lock) {
  if ((slot.at_release() & kAgain) == 0 && !held_repeatedly(lock)) return nullptr;
  HeldSlot* older = record.next_below_of(&slot, lock);
  return older != nullptr && OwnerRecord::word_of(*older).access() == lock.access() ? older : nullptr;
}

namespace {

// Whether the unlock may be a tail call of the function that acquired `level`: then it returns to where that function
// would have returned.
bool ends_in_jump(const HeldSlot& level, const Caller& caller) {
  const bool is_again = (level.at_release() & kAgain) != 0;
  return (is_again && level.tsc.load(std::memory_order_relaxed) == caller.pc) ||
         was_noted(level, OwnerRecord::notes_of(level), caller);
}

// Whether lock and unlock may both be wrapped in functions that the same frame calls.
bool is_wrapped_like(const HeldSlot& level, const Caller& caller) {
  constexpr uintptr_t kMaxDifference = 32;
  return level.sp.load(std::memory_order_relaxed) - caller.sp + kMaxDifference <= 2 * kMaxDifference &&
         site_of(level.pc.load(std::memory_order_relaxed)).kind == SiteKind::returns;
}

// Whether `newest` may have been acquired through a function that returned with the lock held, as the one that acquired
// `level` did, and that inner functions call too.
bool is_wrapped_as(const HeldSlot& newest, const HeldSlot& level) {
  const uintptr_t pc = newest.pc.load(std::memory_order_relaxed);
  return pc == level.pc.load(std::memory_order_relaxed) || site_of(pc).kind == SiteKind::returns;
}

// Whether `caller`, whose frame fits `level`, releases that one although the thread acquired `newest` in a frame further
// in. The frame fits as well if an inner function acquired `newest` through a wrapper, and ends in a jump to the unlock's
// wrapper. Only frame pointers tell the two apart; without them it is the newest, so that the hold is shown with its
// first level, which is where it began.
bool is_left_before(OwnerRecord& record, const HeldSlot& level, const HeldSlot& newest, const Caller& caller) {
  if (&level == &newest || !is_wrapped_as(newest, level)) return true;
  const uintptr_t stack_end = record.stack_end.load(std::memory_order_relaxed);
  return was_called_since(newest, OwnerRecord::notes_of(newest), caller, stack_end);
}

// Which level `caller` releases. The unlock call does not tell, but a function usually releases what it acquired: so
// the newest level that was acquired from the same frame, or from nearly the same one, if lock and unlock are wrapped
// in functions (unoptimized code). If the unlock is a tail call, that frame is gone: it is then the level with the same
// return address as the unlock, and of several, which returned into one another by tail calls or were leaked, the
// outermost. Otherwise it is the newest level, which may have been acquired by a helper that has returned.
HeldSlot& level_to_release(OwnerRecord& record, HeldSlot& newest, LockWord lock, const Caller& caller) {
  const bool is_known = (newest.at_release() & kAgain) != 0;
  HeldSlot* by_jump = nullptr;
  HeldSlot* near = nullptr;
  HeldSlot* same = nullptr;
  HeldSlot* staying = nullptr;  // acquired at a site where functions do not return with the lock held
  const auto sp_of = [](const HeldSlot* level) { return level->sp.load(std::memory_order_relaxed); };
  const auto is_outer = [&](const HeldSlot* level, const HeldSlot* known) {
    return sp_of(level) < caller.sp && (known == nullptr || sp_of(level) > sp_of(known));
  };
  for (HeldSlot* level = &newest; level != nullptr && !level->is_released();
       level = older_level(record, *level, lock)) {
    if (sp_of(level) == caller.sp) {
      same = level;
      break;
    }
    if (is_outer(level, by_jump) && ends_in_jump(*level, caller)) by_jump = level;
    if (near == nullptr && is_wrapped_like(*level, caller)) near = level;
    if (is_outer(level, staying) && site_of(level->pc.load(std::memory_order_relaxed)).kind == SiteKind::stays)
      staying = level;
  }
  if (same == nullptr && staying != nullptr && is_outer(staying, by_jump)) return *staying;
  if (by_jump != nullptr) return *by_jump;
  HeldSlot* fitting = same != nullptr ? same : near;
  if (fitting == nullptr || (same != nullptr && !is_known)) return newest;
  return is_left_before(record, *fitting, newest, caller) ? *fitting : newest;
}

}  // namespace

Levels levels_before(OwnerRecord& record, const HeldSlot& slot, LockWord lock) {
  Levels before;
  const uintptr_t sp = slot.sp.load(std::memory_order_relaxed);
  for (HeldSlot* other = record.next_below_of(record.top(), lock); other != nullptr;
       other = record.next_below_of(other, lock)) {
    if (other == &slot) continue;
    if (before.count == 0 && (OwnerRecord::word_of(*other).access() != lock.access() || !held_repeatedly(lock))) {
      record.drop(*other);
      continue;
    }
    if (before.count++ == 0) before.newest = other;
    const uintptr_t other_sp = other->sp.load(std::memory_order_relaxed);
    if (before.frame_sp == 0 && other_sp > sp) before.frame_sp = other_sp;
  }
  return before;
}

bool is_last_level_slow(OwnerRecord& record, HeldSlot& newest, LockWord lock, HeldSlot** first) {
  if (newest.depth() != 0) return false;
  HeldSlot* older = older_level(record, newest, lock);
  if (older != nullptr && !older->is_released()) return false;
  *first = older == nullptr ? &newest : older;
  return true;
}

void release_level(OwnerRecord& record, HeldSlot& newest, LockWord lock, const Caller& caller) {
  HeldSlot& level = level_to_release(record, newest, lock, caller);
  const uint32_t at_release = level.at_release();
  if ((at_release & kDepthMask) != 0) return level.set_at_release(at_release - 1);
  learn_site(record, level, caller);
  // The first slot stays as long as the hold does.
  if (older_level(record, level, lock) == nullptr)
    level.set_at_release(kReleasedLevel);
  else
    record.drop(level);
}

}  // namespace holdwatch
