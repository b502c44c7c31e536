// A system call that the kernel interrupted because a thread was stopped: does it continue as if nothing had happened,
// and with which registers is it restarted? Pure.
#pragma once

#include <sys/user.h>

#include "symbolizer/unwind/memory.h"

namespace holdwatch::attach {

// Whether the call continues from these registers, which the kernel left in a stopped thread: restarted by the kernel,
// or by us.
bool can_go_on(const user_regs_struct& stopped);

// The registers to set in the stopped thread. The kernel restarts most calls by itself; a call that it ended with
// EINTR, although no signal required that, is made again, and its timeout starts anew.
user_regs_struct to_go_on(const user_regs_struct& stopped, bool signals_pending, MemoryReader& memory);

// The same for a thread that has left the kernel meanwhile, so that the kernel has forgotten the call: every call is
// made again, and its timeout starts anew.
user_regs_struct to_begin_again(const user_regs_struct& stopped, bool signals_pending, MemoryReader& memory);

}  // namespace holdwatch::attach
