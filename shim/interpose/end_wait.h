// What surrounds a call that ends other threads' waits (signal, post, the last to come to a barrier, wake): it is noted who makes it,
// for the few objects of which that has to be known (record/learnt_enders.h).
// Hot context: one comparison, then a jump to the real function; no allocation, no lock, no system call, errno untouched.
#pragma once

#include <linux/futex.h>

#include "shim/interpose/lock_call.h"
#include "shim/interpose/real_functions.h"
#include "shim/record/learnt_enders.h"

namespace holdwatch {

// Begins with a jump, with registers and stack as the program's call left them, so that HOLDWATCH_CALLER finds the program.
template <auto Function, typename Object>
[[gnu::noinline, gnu::cold]] int end_wait_slow_by(Object* object) {
  note_end_slow(object, sizeof *object, HOLDWATCH_CALLER.pc);
  return (g_real.*Function)(object);
}
template <auto Function, typename Object>
[[gnu::always_inline]] inline int end_wait_by(Object* object) {
  if (ends_are_noted()) [[unlikely]]
    return end_wait_slow_by<Function>(object);
  return (g_real.*Function)(object);
}

// init and destroy: noted before the real call, after which the memory may be another object's.
template <auto Function, typename Object, typename... Arguments>
[[gnu::always_inline]] inline auto renew_by(Object* object, Arguments... arguments) {
  if (ends_are_noted()) [[unlikely]]
    forget_ends_slow(object, sizeof *object);
  return (g_real.*Function)(object, arguments...);
}

// A futex call of the program's, with its first, second and fifth argument: notes it if it wakes.
[[gnu::noinline, gnu::cold]] inline void note_futex_slow(long word, long operation, long other_word, uintptr_t pc) {
  switch (operation & FUTEX_CMD_MASK) {
    case FUTEX_WAKE_OP:
      note_end_slow(reinterpret_cast<const void*>(other_word), sizeof(int), pc);
      [[fallthrough]];
    case FUTEX_WAKE:
    case FUTEX_WAKE_BITSET:
    case FUTEX_REQUEUE:
    case FUTEX_CMP_REQUEUE:
    case FUTEX_CMP_REQUEUE_PI:
    case FUTEX_UNLOCK_PI:
      note_end_slow(reinterpret_cast<const void*>(word), sizeof(int), pc);
      break;
  }
}

}  // namespace holdwatch
