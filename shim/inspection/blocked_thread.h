// What is known about a waiting thread apart from its record: whether it is really blocked on that lock.
// Cold context. Reads /proc and memory without faulting; nothing here disturbs the thread.
#pragma once

#include "shim/inspection/capture.h"
#include "shim/record/view.h"

namespace holdwatch {

enum class Blocked : uint8_t {
  yes,      // it sleeps in a futex call on a word of the lock's
  no,       // it runs, is in another call, or has left the wait that its record shows
  unknown,  // the kernel does not let us read it
};

// From before the attachment (inspection/inferred_holds): its lock call was not seen.
inline bool is_inferred(uintptr_t pc) {
  return pc == 0;
}

// Inside a function of stdio. The report of the lock that its thread holds covers such a wait.
inline bool is_inside_stdio(const WaitView& wait) {
  return is_inferred(wait.caller.pc) && wait.word.kind() == LockKind::stream;
}

// What the holder waits for, by its record; false if for nothing. What was inferred of a thread is in another record than what
// it notes itself.
bool view_wait_of(const HoldView& hold, WaitView* out);

Blocked is_blocked_for(const WaitView& wait);

// Whether a thread that sits in a condition wait has been woken and waits for its mutex: a futex call on the mutex's first
// word.
bool is_taking_back(const SystemCall& call, uintptr_t mutex);
bool has_been_woken(int tid, LockWord mutex);

// Whether a signal handler has jumped out of the wait (siglongjmp): then its record is left over, and its part of the stack
// is reused. has_lost_its_frame: the return address is gone; has_been_left: or the thread is in another system call, which
// may also be true in a handler that will return.
bool has_lost_its_frame(const WaitView& wait);
bool has_been_left(const WaitView& wait);

}  // namespace holdwatch
