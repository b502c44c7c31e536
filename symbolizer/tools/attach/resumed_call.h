// Which call restart_syscall continues, determined from the code and the stack of the thread that made it: the kernel
// forgets it once that thread has made another call.
// Only reads, at the place where the thread has stopped.
#pragma once

#include <sys/user.h>

#include "symbolizer/unwind/memory.h"

namespace holdwatch::attach {

// Its number; -1 if that cannot be determined.
long resumed_call_number(const user_regs_struct& stopped, MemoryReader& memory);

}  // namespace holdwatch::attach
