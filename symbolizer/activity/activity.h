// What a thread is doing: "running", or the system call by name with its arguments; for a descriptor its path or its
// socket's peer and unsent bytes.
// Cold context only. Queries the kernel about descriptors of the process; never reads from, writes to or waits on them.
#pragma once

#include <string>
#include <string_view>

#include "shim/common/contract/finding.h"
#include "symbolizer/activity/context.h"

namespace holdwatch {

// The text of "doing" for one thread, e.g. "sendto(fd 41 -> 10.2.3.4:443, 96 KiB unsent)"; empty if nothing is known.
// `lock_name` is our id for the lock that a futex call waits for ("L3"), or empty. The data in the context must be from
// the moment of the snapshot: check afterwards whether the thread has run since.
std::string describe_activity(const Snapshot& snapshot, std::string_view lock_name, const CallContext& context);

}  // namespace holdwatch
