// What a hook has noted of the call that it serves, as those find it who unwind a watched thread from outside: some register
// of the hook's points to a place in the thread's record, from which this is kLockCallNoteAt bytes away.
// Any context. A hook leaves its caller's rbp in the register (interpose/behaviours.h), where /proc does not show it.
#pragma once

#include <cstddef>
#include <cstdint>

namespace holdwatch {

struct LockCallNote {
  uintptr_t pc;  // the call's return address
  uintptr_t sp;  // the caller's, once the call has returned
  uintptr_t bp;  // the caller's
};

inline constexpr size_t kLockCallNoteAt = 24;

}  // namespace holdwatch
