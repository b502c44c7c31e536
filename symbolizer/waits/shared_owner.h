// Which thread a lock that processes share means by the id of its owner, found in /proc by the rules of
// shim/common/proc/shared_owner.h.
// Cold context only. Looks at all processes: some milliseconds.
#pragma once

#include <cstdint>
#include <optional>

#include "shim/common/proc/shared_owner.h"

namespace holdwatch {

// `pid` is a process that has the lock at `address`; `id` the owner's id there. Nothing if that memory is the process's own, whatever
// the lock's attributes say: then it means a thread of this process.
std::optional<SharedOwner> find_shared_owner(int pid, uintptr_t address, int id);

// In the initial pid namespace (PROC_PID_INIT_INO, linux/proc_ns.h), if /proc does not hide other users' processes.
bool are_all_processes_visible();

}  // namespace holdwatch
