// Which call restart_syscall goes on with, told from the code and the stack of the thread that made it: the kernel has forgotten it
// once that thread has made another call.
// Reads only, what the thread has stopped at.
#pragma once

#include <sys/user.h>

#include "symbolizer/unwind/memory.h"

namespace holdwatch::control {

// Its number; -1 if that cannot be told.
long resumed_call_number(const user_regs_struct& stopped, MemoryReader& memory);

}  // namespace holdwatch::control
