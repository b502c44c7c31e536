// Waits in other system calls, by the kind of what the kernel lets them wait for.
// Cold context only.
#pragma once

#include "shim/common/contract/finding.h"
#include "shim/common/contract/wait.h"
#include "symbolizer/activity/context.h"

namespace holdwatch {

// One of which no more is known.
Wait wait_of_kind(WaitKind kind);

Wait read_kernel_wait(const SystemCall& call, const CallContext& context);

// flock, or fcntl with F_SETLKW or F_OFD_SETLKW.
bool waits_for_file_lock(const SystemCall& call);
// For one process to exit.
bool waits_for_child(const SystemCall& call);

}  // namespace holdwatch
