// What a hook has noted about the call that it serves, for code that unwinds a watched thread from outside: some
// register of the hook points into the thread's record, and the note is kLockCallNoteAt bytes away from there.
// Any context. A hook leaves its caller's rbp in the register (interpose/lock_call.h), which /proc does not show.
#pragma once

#include <cstddef>
#include <cstdint>

namespace holdwatch {

struct LockCallNote {
  uintptr_t pc;  // the call's return address
  uintptr_t sp;  // the caller's stack pointer, once the call has returned
  uintptr_t bp;  // the caller's
};

inline constexpr size_t kLockCallNoteAt = 24;

}  // namespace holdwatch
