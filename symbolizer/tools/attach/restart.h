// A system call that the kernel broke off because a thread was stopped: does it go on afterwards as if nothing had been, and
// with which registers is it made again? Pure.
#pragma once

#include <sys/user.h>

#include "symbolizer/unwind/memory.h"

namespace holdwatch::control {

// With these registers, which the kernel left in a stopped thread, the call goes on: by the kernel itself, or made again.
bool can_go_on(const user_regs_struct& stopped);

// What to give back to the stopped thread. The kernel goes on with most calls by itself; one that it ended with EINTR,
// although no signal asked for that, is made again, and its timeout begins anew.
user_regs_struct to_go_on(const user_regs_struct& stopped, bool signals_pending, MemoryReader& memory);

// The same for a thread that has left the kernel meanwhile, and with it what the kernel knew of the call: each call is made
// again, and its timeout begins anew.
user_regs_struct to_begin_again(const user_regs_struct& stopped, bool signals_pending, MemoryReader& memory);

}  // namespace holdwatch::control
