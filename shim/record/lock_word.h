// A lock's address, kind and mode of access in one word, so that one store publishes all three.
// Any context; pure.
#pragma once

#include <cstdint>

#include "shim/common/contract/finding.h"

namespace holdwatch {

// The tags sit above the address: user addresses on x86-64 end below bit 57 even with five-level page tables, whereas
// the low bits of a lock's address are not all free (a packed struct can misalign it). 0 means "no lock".
class LockWord {
 public:
  constexpr LockWord() = default;
  constexpr explicit LockWord(uint64_t bits) : bits_(bits) {}
  LockWord(const void* lock, LockKind kind, Access access)
      : bits_(reinterpret_cast<uintptr_t>(lock) | tag_of(kind) | (access == Access::shared ? kShared : 0)) {}

  // For a held lock: reacquired by a condition wait. For a waiting thread: it is in the condition wait.
  constexpr LockWord with_condition() const { return LockWord(bits_ | kCondition); }
  // Waited for, not held.
  constexpr LockWord with_waiting() const { return LockWord(bits_ | kWaiting); }
  constexpr LockWord without_waiting() const { return LockWord(bits_ & ~kWaiting); }
  // For a thread in a condition wait that has been woken, and waits for the lock itself now, without a timeout.
  constexpr LockWord taking_back() const { return LockWord(bits_ & ~(kCondition | kTimeout)); }
  // For a waiting thread: its wait has a timeout.
  constexpr LockWord with_timeout() const { return LockWord(bits_ | kTimeout); }
  // What the word of a wait becomes once the lock is acquired.
  constexpr LockWord as_hold() const { return LockWord(bits_ & ~(kWaiting | kTimeout)); }

  constexpr uint64_t bits() const { return bits_; }
  constexpr uintptr_t address() const { return bits_ & kAddress; }
  constexpr LockKind kind() const {
    if ((bits_ & kStream) != 0) return LockKind::stream;
    return (bits_ & kRwlock) != 0 ? LockKind::rwlock : LockKind::mutex;
  }
  constexpr Access access() const { return (bits_ & kShared) != 0 ? Access::shared : Access::exclusive; }
  constexpr bool condition() const { return (bits_ & kCondition) != 0; }
  constexpr bool waiting() const { return (bits_ & kWaiting) != 0 && address() < kEnd; }
  constexpr bool timeout() const { return (bits_ & kTimeout) != 0; }
  constexpr bool empty() const { return bits_ == 0; }
  constexpr bool is_lock_at(uintptr_t address) const { return (bits_ ^ address) << kTagBits == 0; }
  constexpr bool is_same_lock(LockWord other) const { return (bits_ ^ other.bits_) << kTagBits == 0; }
  // Held after a plain lock call: neither a wait nor a reacquisition by a condition wait. An rwlock may be held with
  // either access.
  template <LockKind Kind>
  constexpr bool is_plain_hold_of(LockWord lock) const {
    if (Kind != LockKind::rwlock) return bits_ == lock.bits_;
    return !is_no_hold() && (bits_ ^ lock.bits_) << kAccessTagBits == 0;
  }
  constexpr bool is_hold() const { return !is_no_hold() && address() < kEnd; }
  constexpr bool is_hole() const { return bits_ == kHole; }
  // Empty, a wait or a hole. Also false for the marks at a block's ends, so that a lock call needs only one comparison.
  constexpr bool is_no_hold() const { return static_cast<int64_t>(bits_) <= 0; }
  friend constexpr bool operator==(LockWord, LockWord) = default;

  // Not a lock: what a request about condition waits is about.
  static constexpr LockWord condition_waits() { return LockWord(kWaiting | kCondition); }

  // Not a lock: the marks below and above a block's slots, and a slot that is free while a higher one is in use.
  static constexpr LockWord block_end() { return LockWord(kEnd); }
  // The same below a record's very first slot.
  static constexpr LockWord record_start() { return LockWord(kEnd | kTimeout); }
  static constexpr LockWord hole() { return LockWord(kHole); }

 private:
  static constexpr int kTagBits = 7;
  static constexpr int kAccessTagBits = 3;                 // the highest three
  static constexpr uint64_t kWaiting = uint64_t{1} << 63;  // the sign: see is_no_hold
  static constexpr uint64_t kRwlock = uint64_t{1} << 62;
  static constexpr uint64_t kShared = uint64_t{1} << 61;
  static constexpr uint64_t kCondition = uint64_t{1} << 60;
  static constexpr uint64_t kTimeout = uint64_t{1} << 59;
  static constexpr uint64_t kStream = uint64_t{1} << 58;
  static constexpr uint64_t tag_of(LockKind kind) {
    return kind == LockKind::rwlock ? kRwlock : kind == LockKind::stream ? kStream : 0;
  }
  static constexpr uint64_t kAddress = ~uint64_t{0} >> kTagBits;
  static constexpr uint64_t kEnd = kAddress;
  static constexpr uint64_t kHole = kWaiting | kAddress;
  uint64_t bits_ = 0;
};

}  // namespace holdwatch
