// Waits in a futex call: for objects of glibc and of the C++ library, by the layouts that they have in memory.
// Cold context only. A thread is named as one that can end the wait only if the object itself names it, and it exists.
#pragma once

#include "shim/common/contract/finding.h"
#include "shim/common/contract/wait.h"
#include "symbolizer/activity/context.h"
#include "symbolizer/waits/blocking_function.h"
#include "symbolizer/waits/waiting_process.h"

namespace holdwatch {

// Whether the dynamic loader's data, or code, is at this address.
bool is_in_loader(uintptr_t address, const Modules& modules);

Wait read_libc_wait(const SystemCall& futex_call, BlockingFunction function, const WaitingProcess& process,
                    const CallContext& context);

}  // namespace holdwatch
