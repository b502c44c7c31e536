// A thread of another process that owns a lock which the inspected process shares with it, and what it sleeps for there.
// Cold context. Reads /proc of that process, as far as the kernel allows it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "symbolizer/tools/inspect/target.h"

namespace holdwatch {

// The thread `tid` of process `other_pid`, which shares memory with process `pid`: nothing if the kernel does not let us look.
std::optional<OtherThread> look_at_other_thread(int pid, int other_pid, int tid);

}  // namespace holdwatch
