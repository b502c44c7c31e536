// Holds that reached (nearly) their limit, handed over by the thread that ends them: the exact end, and where the thread
// was then. So an overlong hold is not lost even if the watcher never looked at it.
// hand_over_slow: hot context, but only for holds near their limit; no allocation, no lock, no system call beyond a vDSO
// clock. The rest: the watcher and the reporter.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "shim/record/lock_registry.h"
#include "shim/record/view.h"

namespace holdwatch {

struct EndedHold {
  // free -> writing -> ready (releasing thread) -> taken (watcher) -> free (watcher or reporter).
  enum class State : uint32_t { free, writing, ready, taken };
  std::atomic<State> state{State::free};
  HoldView hold;
  LockTag lock;          // asked for while it was still held: it may be destroyed right afterwards; id 0: not asked for
  uint64_t released_ns;  // CLOCK_MONOTONIC
  Caller caller;         // of the unlock
  size_t acquired_size;
  size_t stack_size;
  unsigned char acquired[kStackCopySize];  // the stack as it was at the acquisition, from hold.sites[0].sp on
  unsigned char stack[16 * 1024];          // from caller.sp on
};

// Notes that the calling thread is about to end its hold of `lock`, which began in the slot `first` of its record; the slot
// `last` is of the level that is left, the same as a rule. The lock is not read from there: see drop_left_over.
[[gnu::noinline]] void hand_over_slow(ThreadRecord& record, LockWord lock, const HeldSlot& first, const HeldSlot& last,
                                      const Caller& caller);

// The next entry that is ready, now `taken`, or null. Watcher only.
EndedHold* take_ended_hold();
void give_back(EndedHold* entry);

// In the child after fork: what other threads were writing is never finished.
void ended_holds_after_fork();

// How many overlong holds go unreported since start: more ended at once than there was room for, here or, as the watcher
// counts, among the reporter's requests.
uint64_t ended_holds_lost();
void count_lost_hold();

}  // namespace holdwatch
