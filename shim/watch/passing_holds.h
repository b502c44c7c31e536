// Which holds pass by the threads that wait for long: those that began while the thread waited. What is seen of them at the
// watcher's looks is a lower bound: a hold that begins and ends between two looks is missed, but none is counted twice.
// Cold context (watcher). Reads only records; adds nothing to lock calls.
//
// A lock is looked at from half of WAIT_LIMIT on: some ninety times until the wait has become twice as long, whatever the limit
// is, less often where there are thousands of records, and less often while no new hold is seen.
#pragma once

#include <cstddef>
#include <cstdint>

#include "shim/handoff/passed_holds.h"
#include "shim/timing/timing.h"
#include "shim/watch/episodes.h"

namespace holdwatch {

// The holds of one lock that were seen, and where they were taken.
class SeenHolds {
 public:
  void begin(LockWord lock);
  void end() { lock_ = LockWord(); }
  LockWord lock() const { return lock_; }

  // A hold of the lock. `may_pass_since_ns`: one that began earlier passes nobody by. True if it is a new one.
  bool add(const HoldView& hold, uint64_t may_pass_since_ns);
  // Whether this use of the slot has been added. So a hold that lasts need not be read again.
  bool has(uint32_t record, uint32_t slot, uint64_t number) const;
  // Those that began at this time or later.
  void describe(uint64_t since_ns, PassedHolds* out) const;

 private:
  static constexpr size_t kKept = 4096;  // the latest holds
  static constexpr size_t kPlaces = 64;
  static constexpr size_t kSlots = 512;  // a power of two, at most half full
  static constexpr uint16_t kOtherPlace = kPlaces;

  struct Kept {
    uint64_t since_ns;
    int tid;
    uint16_t place;
    bool reads;
  };
  // The latest use of a slot that was added. Numbers only grow, so that no use is added again.
  struct Slot {
    uint32_t record, slot;
    uint64_t number;
  };
  static constexpr size_t hash_of(uint32_t record, uint32_t slot) { return (record * 61 + slot) % kSlots; }
  const Slot* find(uint32_t record, uint32_t slot) const;
  bool note_use(const Identity& use);
  uint16_t place_of(const HoldView& hold);
  size_t kept() const { return added_ < kKept ? added_ : kKept; }

  LockWord lock_;
  size_t added_ = 0;
  Kept kept_[kKept] = {};
  size_t places_used_ = 0;
  HoldView places_[kPlaces] = {};
  size_t slots_used_ = 0;
  Slot slots_[kSlots] = {};
};

class PassingHolds {
 public:
  void look(const Timing& timing, Episodes& episodes);
  // When the next look is due, UINT64_MAX if no thread waits for long. The watcher need not wake up to find the first one.
  uint64_t next_look_ns() const { return tracked_ == 0 ? UINT64_MAX : look_due_ns_; }
  void look_again() { search_due_ns_ = 0; }
  void reset();

  // What has passed by a thread that still waits for the lock.
  void describe(const WaitView& wait, const Timing& timing, PassedHolds* out) const;
  // The same of the thread that waited longest at the last look, once it waits no more.
  void describe_ended(LockWord lock, PassedHolds* out) const;

 private:
  static constexpr size_t kMaxLocks = 8;

  struct Lock {
    SeenHolds holds;
    WaitView longest;  // the oldest wait at the last look
    uint64_t longest_since_ns;
    bool is_waited_for;  // at the last look, for long
  };

  void search(const Timing& timing);
  void look_at_holds();
  void look_at_waits(const Timing& timing);
  static bool note_hold(Lock& lock, uint32_t record, uint32_t position, const HeldSlot& slot);
  static void note_wait(Lock& lock, const WaitView& wait, const Timing& timing);
  void track(const WaitView& wait, const Timing& timing);
  void drop_ended(Episodes& episodes);
  uint64_t interval_ns(const Timing& timing) const;
  Lock* find(uintptr_t address);
  const Lock* find(uintptr_t address) const { return const_cast<PassingHolds*>(this)->find(address); }

  uint64_t search_due_ns_ = 0;
  uint64_t look_due_ns_ = 0;
  size_t quiet_looks_ = 0;  // since a new hold was seen
  size_t tracked_ = 0;
  Lock locks_[kMaxLocks] = {};
};

}  // namespace holdwatch
