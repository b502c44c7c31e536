// What is known of a thread that waits for a lock beyond its record: whether it is blocked for that lock indeed.
// Cold context. Reads /proc and memory without faulting; nothing here disturbs the thread.
#pragma once

#include "shim/inspection/capture.h"
#include "shim/record/view.h"

namespace holdwatch {

enum class Blocked : uint8_t {
  yes,      // it sleeps in a futex call on a word of the lock's
  no,       // it runs, is in another call, or has left the wait that its record tells of
  unknown,  // the kernel does not let us see
};

// From before the attachment (inspection/inferred_holds): no lock call of ours is known.
inline bool is_inferred(uintptr_t pc) {
  return pc == 0;
}

// What the holder waits for, by its record; false if for nothing. A hold that was inferred stands in another record than
// what its thread has done since.
bool view_wait_of(const HoldView& hold, WaitView* out);

Blocked is_blocked_for(const WaitView& wait);

// Whether a thread that sits in a condition wait has been woken and waits for its mutex: a futex call on the mutex's first
// word.
bool is_taking_back(const SystemCall& call, uintptr_t mutex);
bool has_been_woken(int tid, LockWord mutex);

// Whether a handler has jumped out of the wait (siglongjmp): that leaves the record of it behind, and the stack to whoever
// comes next. has_lost_its_frame: the return address is gone; has_been_left: or the thread is in another system call. It
// may be so in a handler that will come back.
bool has_lost_its_frame(const WaitView& wait);
bool has_been_left(const WaitView& wait);

}  // namespace holdwatch
