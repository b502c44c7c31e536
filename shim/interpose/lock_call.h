// What a hook knows of its call: the caller, the lock, and the record of the calling thread.
// Hot context: straight-line code on the thread's own record; no allocation, no lock, no system call, errno untouched.
#pragma once

#include "shim/interpose/begin_watch.h"
#include "shim/record/current_record.h"
#include "shim/record/owner_record.h"

namespace holdwatch {

// Where the hook was called from. Must be evaluated in the hook itself, and has the same value anywhere in it. The
// value is the caller's stack pointer before the call; the return address is below it.
//
// The caller's rbp is still in the register if this code is compiled not to use it (HOLDWATCH_RBP_IS_THE_CALLERS, with
// -ffixed-rbp): a hook then sets up no frame pointer, and unwinding through it needs only the stack pointer. Otherwise
// it is where the hook's own frame pointer points.
#ifdef HOLDWATCH_RBP_IS_THE_CALLERS
#define HOLDWATCH_FRAME (static_cast<const uintptr_t*>(__builtin_dwarf_cfa()))
#else
#define HOLDWATCH_FRAME (static_cast<const uintptr_t*>(__builtin_frame_address(0)) + 2)
#endif
#define HOLDWATCH_CALLER (::holdwatch::caller_at(HOLDWATCH_FRAME))

[[gnu::always_inline]] inline uintptr_t callers_rbp(const uintptr_t* frame) {
#ifdef HOLDWATCH_RBP_IS_THE_CALLERS
  (void)frame;
  register uintptr_t rbp asm("rbp");
  asm("" : "=r"(rbp));
  return rbp;
#else
  return frame[-2];
#endif
}

[[gnu::always_inline]] inline Caller caller_at(const uintptr_t* frame) {
  return {frame[-1], reinterpret_cast<uintptr_t>(frame), callers_rbp(frame)};
}

// The argument of a lock function; kind of lock and access are known to the compiler. The lock word is computed where
// it is needed: keeping it for the rare paths would cost the usual one a register.
template <LockKind Kind, Access How>
struct Lock {
  const void* address;
  LockWord word() const { return {address, Kind, How}; }
};

inline OwnerRecord* owner_record() {
  OwnerRecord* record = current_record();
  return record != nullptr ? record : first_record_slow();
}

// The record that notes releases: also a paused thread's, because otherwise its holds would last forever.
[[gnu::always_inline]] inline OwnerRecord* releasing_record() {
  OwnerRecord* record = current_record();
  return record != nullptr ? record : paused_record();
}

}  // namespace holdwatch
