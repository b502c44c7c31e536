// See hold_levels.h.
#include "shim/record/hold_levels.h"

#include "shim/record/call_sites.h"
#include "shim/record/callers.h"
#include "shim/record/hold_notes.h"

namespace holdwatch {

HeldSlot* older_level(OwnRecord& record, const HeldSlot& slot, LockWord lock) {
  if ((slot.at_release() & kAgain) == 0 && !held_repeatedly(lock)) return nullptr;
  HeldSlot* older = record.next_below_of(&slot, lock);
  return older != nullptr && OwnRecord::word_of(*older).access() == lock.access() ? older : nullptr;
}

namespace {

// Whether an unlock may be the last act of the function that took `level`, made a jump by the compiler: then it returns to
// where that function would have.
bool ends_in_jump(const HeldSlot& level, const Caller& caller) {
  const bool is_again = (level.at_release() & kAgain) != 0;
  return (is_again && level.tsc.load(std::memory_order_relaxed) == caller.pc) ||
         was_noted(level, OwnRecord::notes_of(level), caller);
}

// Whether lock and unlock may be made by functions of their own, both called by one frame.
bool is_wrapped_like(const HeldSlot& level, const Caller& caller) {
  constexpr uintptr_t kMaxDifference = 32;
  return level.sp.load(std::memory_order_relaxed) - caller.sp + kMaxDifference <= 2 * kMaxDifference &&
         site_of(level.pc.load(std::memory_order_relaxed)).kind == SiteKind::returns;
}

// Which level `caller` gives up. Unlocks do not say so, but a function gives up what it has taken: the newest level that was
// taken from the same frame, or from almost the same, where lock and unlock are wrapped in functions of their own (code without
// optimisation). If the unlock is a jump the function's frame is gone: it is the one whose return address the unlock has, and
// of those that returned into one another by jumps, or were leaked, the outermost. Else it is the newest, which a helper may
// have taken that has returned.
HeldSlot& level_given_up(OwnRecord& record, HeldSlot& newest, LockWord lock, const Caller& caller) {
  const bool is_known = (newest.at_release() & kAgain) != 0;
  HeldSlot* by_jump = nullptr;
  HeldSlot* near = nullptr;
  HeldSlot* staying = nullptr;  // taken where functions do not hand the lock out
  const auto sp_of = [](const HeldSlot* level) { return level->sp.load(std::memory_order_relaxed); };
  const auto is_outer = [&](const HeldSlot* level, const HeldSlot* known) {
    return sp_of(level) < caller.sp && (known == nullptr || sp_of(level) > sp_of(known));
  };
  for (HeldSlot* level = &newest; level != nullptr && !level->is_given_up();
       level = older_level(record, *level, lock)) {
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

}  // namespace

Levels levels_before(OwnRecord& record, const HeldSlot& slot, LockWord lock) {
  Levels before;
  const uintptr_t sp = slot.sp.load(std::memory_order_relaxed);
  for (HeldSlot* other = record.next_below_of(record.top(), lock); other != nullptr;
       other = record.next_below_of(other, lock)) {
    if (other == &slot) continue;
    if (before.count == 0 && (OwnRecord::word_of(*other).access() != lock.access() || !held_repeatedly(lock))) {
      record.drop(*other);
      continue;
    }
    if (before.count++ == 0) before.newest = other;
    const uintptr_t other_sp = other->sp.load(std::memory_order_relaxed);
    if (before.frame_sp == 0 && other_sp > sp) before.frame_sp = other_sp;
  }
  return before;
}

bool is_last_level_slow(OwnRecord& record, HeldSlot& newest, LockWord lock, HeldSlot** first) {
  if (newest.depth() != 0) return false;
  HeldSlot* older = older_level(record, newest, lock);
  if (older != nullptr && !older->is_given_up()) return false;
  *first = older == nullptr ? &newest : older;
  return true;
}

void give_up_level(OwnRecord& record, HeldSlot& newest, LockWord lock, const Caller& caller) {
  HeldSlot& level = level_given_up(record, newest, lock, caller);
  const uint32_t at_release = level.at_release();
  if ((at_release & kDepthMask) != 0) return level.set_at_release(at_release - 1);
  learn_site(record, level, caller);
  // The first one stays as long as the hold does.
  if (older_level(record, level, lock) == nullptr)
    level.set_at_release(kGivenUp);
  else
    record.drop(level);
}

}  // namespace holdwatch
