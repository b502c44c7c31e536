// See passing_holds.h.
#include "shim/watch/passing_holds.h"

#include <algorithm>

#include "shim/inspection/blocked_thread.h"
#include "shim/inspection/pollers.h"
#include "shim/record/thread_table.h"
#include "shim/record/view_walk.h"

namespace holdwatch {
namespace {

constexpr uint64_t kNever = UINT64_MAX;

// By all that was noted of the callers. What differs may still be the same place, once it has a name.
bool is_same_place(const HoldView& one, const HoldView& other) {
  const auto same_pc = [](const CallSite& a, const CallSite& b) { return a.pc == b.pc; };
  return std::equal(one.sites, one.sites + one.site_count, other.sites, other.sites + other.site_count, same_pc) &&
         std::equal(one.words, one.words + one.word_count, other.words, other.words + other.word_count);
}

}  // namespace

void SeenHolds::begin(LockWord lock) {
  lock_ = lock;
  added_ = places_used_ = slots_used_ = 0;
  std::fill(slots_, slots_ + kSlots, Slot{});
}

// Use numbers begin with 1.
const SeenHolds::Slot* SeenHolds::find(uint32_t record, uint32_t slot) const {
  size_t at = hash_of(record, slot);
  while (slots_[at].number != 0 && (slots_[at].record != record || slots_[at].slot != slot)) at = (at + 1) % kSlots;
  return &slots_[at];
}

bool SeenHolds::has(uint32_t record, uint32_t slot, uint64_t number) const {
  return find(record, slot)->number == number;
}

// False if it was noted before, or if there is no room.
bool SeenHolds::note_use(const Identity& use) {
  Slot& known = const_cast<Slot&>(*find(use.record, use.slot));
  if (known.number >= use.number) return false;
  if (known.number == 0 && slots_used_ == kSlots / 2) return false;
  if (known.number == 0) ++slots_used_;
  known = {use.record, use.slot, use.number};
  return true;
}

uint16_t SeenHolds::place_of(const HoldView& hold) {
  const HoldView* const end = places_ + places_used_;
  const HoldView* const known = std::find_if(static_cast<const HoldView*>(places_), end,
                                             [&](const HoldView& one) { return is_same_place(one, hold); });
  if (known == end && places_used_ == kPlaces) return kOtherPlace;
  if (known == end) places_[places_used_++] = hold;
  return static_cast<uint16_t>(known - places_);
}

bool SeenHolds::add(const HoldView& hold, uint64_t may_pass_since_ns) {
  const uint64_t since_ns = earliest_start_ns(hold);
  if (since_ns < may_pass_since_ns || !note_use(hold.identity)) return false;
  kept_[added_++ % kKept] = {since_ns, hold.tid, place_of(hold), hold.word.access() == Access::shared};
  return true;
}

void SeenHolds::describe(uint64_t since_ns, PassedHolds* out) const {
  uint32_t holds[kPlaces + 1] = {};
  size_t position[kPlaces + 1];
  for (size_t i = 0; i < kept(); ++i) {
    if (kept_[i].since_ns < since_ns) continue;
    ++out->holds;
    if (kept_[i].reads) ++out->reads;
    ++holds[kept_[i].place];
  }
  size_t order[kPlaces];
  for (size_t i = 0; i < places_used_; ++i) order[i] = i;
  std::sort(order, order + places_used_,
            [&](size_t a, size_t b) { return holds[a] != holds[b] ? holds[a] > holds[b] : a < b; });
  std::fill(position, position + kPlaces + 1, kMaxPassedPlaces);
  for (size_t i = 0; i < std::min(places_used_, kMaxPassedPlaces) && holds[order[i]] > 0; ++i) {
    position[order[i]] = i;
    out->places[out->place_count++] = places_[order[i]];
  }
  for (size_t i = 0; i < kept(); ++i) {
    const Kept& hold = kept_[i];
    if (hold.since_ns < since_ns || position[hold.place] == kMaxPassedPlaces) continue;
    const auto place = static_cast<uint16_t>(position[hold.place]);
    Passer* const end = out->passers + out->passer_count;
    Passer* const known = std::find_if(out->passers, end, [&](const Passer& one) {
      return one.tid == hold.tid && one.place == place && one.reads == hold.reads;
    });
    if (known != end)
      ++known->holds;
    else if (out->passer_count < kMaxPassers)
      out->passers[out->passer_count++] = {hold.tid, place, hold.reads, 1};
  }
}

PassingHolds::Lock* PassingHolds::find(uintptr_t address) {
  for (size_t i = 0; i < tracked_; ++i)
    if (locks_[i].holds.lock().is_lock_at(address)) return &locks_[i];
  return nullptr;
}

void PassingHolds::reset() {
  tracked_ = quiet_looks_ = 0;
  search_due_ns_ = 0;
  look_due_ns_ = kNever;
}

void PassingHolds::note_wait(Lock& lock, const WaitView& wait, const Timing& timing) {
  const uint64_t since_ns = timing.started_ns(wait);
  if (lock.is_waited_for && since_ns >= lock.longest_since_ns) return;
  lock.longest = wait;
  lock.longest_since_ns = since_ns;
  lock.is_waited_for = true;
}

void PassingHolds::track(const WaitView& wait, const Timing& timing) {
  Lock* lock = find(wait.word.address());
  if (lock == nullptr) {
    if (tracked_ == kMaxLocks) return;
    lock = &locks_[tracked_++];
    lock->holds.begin(wait.word);
    lock->is_waited_for = false;
    quiet_looks_ = 0;
    look_due_ns_ = 0;
  }
  note_wait(*lock, wait, timing);
}

// A thread inside of stdio waits for a stream whose other holders are not recorded either.
void PassingHolds::search(const Timing& timing) {
  const uint64_t from_ns = timing.limits().of_waits_ns() / 2;
  uint64_t due_ns = timing.now_ns() + from_ns;
  const auto examine = [&](const WaitView& wait) {
    if (wait.word.condition() || is_inside_stdio(wait)) return;
    if (timing.age_of(wait) >= from_ns)
      track(wait, timing);
    else
      due_ns = std::min(due_ns, timing.started_ns(wait) + from_ns);
  };
  const uint64_t oldest_ns = for_each_wait(age_ns(from_ns, timing.now_ns()), examine);
  for_each_poller(examine);
  search_due_ns_ = oldest_ns == kNever ? due_ns : std::min(due_ns, timing.latest_ns(oldest_ns) + from_ns);
}

// Another level of a hold is no hold of its own, and what was inferred of a thread may be inferred twice. That the thread still
// waits is seen last: so the hold began before it had the lock.
bool PassingHolds::note_hold(Lock& lock, uint32_t record, uint32_t position, const HeldSlot& slot) {
  if (lock.longest.identity.record == record) return false;
  const uint64_t number = slot.number.load(std::memory_order_acquire);
  if (lock.holds.has(record, position, number) || (slot.at_release() & kAgain) != 0) return false;
  HoldView hold;
  if (!view_hold(record, position, &hold) || hold.identity.number != number) return false;
  if (!hold.word.is_same_lock(lock.holds.lock()) || is_inferred(hold.sites[0].pc)) return false;
  return wait_lasts(lock.longest.identity) && lock.holds.add(hold, lock.longest_since_ns);
}

void PassingHolds::look_at_holds() {
  bool any_is_new = false;
  for_each_record([&](uint32_t index, const ThreadRecord& record) {
    for_each_used_slot(record, [&](uint32_t position, const HeldSlot& slot, LockWord word) {
      Lock* const lock = word.is_hold() ? find(word.address()) : nullptr;
      if (lock != nullptr) any_is_new |= note_hold(*lock, index, position, slot);
    });
  });
  quiet_looks_ = any_is_new ? 0 : quiet_looks_ + 1;
}

void PassingHolds::look_at_waits(const Timing& timing) {
  const uint64_t from_ns = timing.limits().of_waits_ns() / 2;
  for (size_t i = 0; i < tracked_; ++i) locks_[i].is_waited_for = false;
  const auto examine = [&](const WaitView& wait) {
    Lock* const lock = wait.word.condition() ? nullptr : find(wait.word.address());
    if (lock != nullptr && timing.age_of(wait) >= from_ns) note_wait(*lock, wait, timing);
  };
  for_each_wait(age_ns(from_ns, timing.now_ns()), examine);
  for_each_poller(examine);
}

// What is known of a lock is kept until the report of the wait is closed.
void PassingHolds::drop_ended(Episodes& episodes) {
  for (size_t i = tracked_; i-- > 0;) {
    const bool is_needed = locks_[i].is_waited_for || episodes.find_wait(locks_[i].holds.lock().address()) != nullptr;
    if (is_needed) continue;
    --tracked_;
    if (i != tracked_) locks_[i] = locks_[tracked_];
  }
}

// Each look costs a walk over all records.
uint64_t PassingHolds::interval_ns(const Timing& timing) const {
  constexpr uint64_t kPartOfAge = 128;
  constexpr uint64_t kShare = 800, kPerRecordNs = 100;
  constexpr size_t kMostDoublings = 4;
  uint64_t youngest_ns = kNever;
  for (size_t i = 0; i < tracked_; ++i)
    youngest_ns = std::min(youngest_ns, age_ns(locks_[i].longest_since_ns, timing.now_ns()));
  const uint64_t wanted_ns = std::max(timing.busy_period_ns(), youngest_ns / kPartOfAge)
                             << std::min(quiet_looks_, kMostDoublings);
  return std::max(std::min(wanted_ns, timing.wake_period_ns()), kShare * kPerRecordNs * record_limit());
}

void PassingHolds::look(const Timing& timing, Episodes& episodes) {
  if (timing.limits().of_waits_ns() == kNoLimit) {
    tracked_ = 0;
    search_due_ns_ = look_due_ns_ = kNever;
    return;
  }
  if (timing.now_ns() >= search_due_ns_) search(timing);
  if (tracked_ == 0 || timing.now_ns() < look_due_ns_) return;
  look_at_holds();
  look_at_waits(timing);
  drop_ended(episodes);
  look_due_ns_ = tracked_ == 0 ? kNever : timing.now_ns() + interval_ns(timing);
}

// Each hold that was kept began while another thread waited that had waited longer; so this one waited too, if it began before.
void PassingHolds::describe(const WaitView& wait, const Timing& timing, PassedHolds* out) const {
  const Lock* const lock = find(wait.word.address());
  if (lock == nullptr) return;
  out->tid = wait.tid;
  out->writes = wait.word.access() == Access::exclusive;
  lock->holds.describe(timing.started_ns(wait), out);
}

void PassingHolds::describe_ended(LockWord word, PassedHolds* out) const {
  const Lock* const lock = find(word.address());
  if (lock == nullptr) return;
  out->tid = lock->longest.tid;
  out->writes = lock->longest.word.access() == Access::exclusive;
  lock->holds.describe(lock->longest_since_ns, out);
}

}  // namespace holdwatch
