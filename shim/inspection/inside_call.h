// Which threads a signal has interrupted: whether one that waits for a lock is itself in the middle of acquiring or releasing it: a signal has interrupted the
// call, and the signal's handler wants the same lock. The lock is locked then, and may name no owner.
// Cold context (watcher). Reads the thread's stack without faulting; disturbs no thread.
#pragma once

#include "shim/record/view.h"

namespace holdwatch {

// `wait` is the handler's wait. Looks for the frame that the kernel put on the stack for the signal (rt_sigframe,
// arch/x86/include/asm/sigframe.h): the interrupted code has to be libc's or ours, with the lock's address in a register.
bool is_inside_call_on(const WaitView& wait);

// Whether a thread that is blocked with this stack pointer may be in a signal handler: true also where that is not known.
bool may_be_in_handler(uintptr_t sp);

}  // namespace holdwatch
