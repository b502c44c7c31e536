// Holds that reached (nearly) their limit, passed on by the releasing thread: the exact end, and where the thread was
// at that moment. So an overlong hold is reported even if the watcher never saw it. Unlocks of locks that no thread
// held are passed on in the same way.
// This is the interface for the watcher and the reporter; that for lock calls is in hand_over.h.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "shim/record/lock_registry.h"
#include "shim/record/view.h"

namespace holdwatch {

// What is known of each, also of one for which there was no room to pass on more.
struct HoldEnd {
  Identity identity;
  LockWord lock;
  uint64_t since_ns;     // as in its record
  uint64_t released_ns;  // CLOCK_MONOTONIC; 0: it has not ended
};

struct EndedHold {
  // free -> writing -> ready (releasing thread) -> taken (watcher) -> free (watcher or reporter).
  enum class State : uint32_t { free, writing, ready, taken };
  std::atomic<State> state{State::free};
  bool is_stray;  // no thread held the lock that was unlocked: `hold` has only the lock and the thread
  HoldView hold;
  LockTag lock;          // looked up while it was still held: it may be destroyed right afterwards; id 0: not looked up
  uint64_t released_ns;  // CLOCK_MONOTONIC
  Caller caller;         // of the unlock
  size_t acquired_size;
  size_t stack_size;
  unsigned char acquired[kStackCopySize];  // the stack at the acquisition, from hold.sites[0].sp on
  unsigned char stack[16 * 1024];          // from caller.sp on

  HoldEnd end() const { return {hold.identity, hold.word, hold.since_ns, released_ns}; }
};

// The next entry that is ready, now `taken`, or null. Watcher only.
EndedHold* take_ended_hold();
void free_ended_hold(EndedHold* entry);

// The next of those for which there was no room; false if there is none. Watcher only.
bool take_brief_end(HoldEnd* out);

// Frees all that were handed over. Watcher, or while none runs.
void drop_ended_holds();

// In the child after fork: entries that other threads were writing will never be finished.
void ended_holds_after_fork();

// How many overlong holds have gone unreported since start, because more ended at once than there was room for: here,
// or in the queue of report requests. The watcher counts those, as it knows which of them need no report; those for which
// there was no room even in brief are counted at once.
uint64_t ended_holds_lost();
void count_lost_hold();

}  // namespace holdwatch
