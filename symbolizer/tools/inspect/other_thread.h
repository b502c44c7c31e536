// A thread of another process that owns a lock which the inspected process shares with it, and what it sleeps for there.
// Cold context. Reads /proc of that process, as far as the kernel allows it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "symbolizer/tools/inspect/target.h"

namespace holdwatch {

// The owner `tid` of the lock at this address in process `pid`: nothing if it is not certain that this is the lock's, because
// its process does not map the memory of the lock; or if the kernel does not let us look.
std::optional<OtherThread> find_other_thread(int pid, int tid, uintptr_t lock);

}  // namespace holdwatch
