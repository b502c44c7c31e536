// What a thread is doing: "running", or the system call by name with its arguments; for a descriptor its path or its
// socket's peer and unsent bytes.
// Cold context only. Asks the kernel about descriptors of the process; never reads from, writes to or waits on them.
#pragma once

#include <string>
#include <string_view>

#include "shim/common/contract/finding.h"
#include "symbolizer/activity/context.h"

namespace holdwatch {

// The text of "doing" for one thread, e.g. "sendto(fd 41 -> 10.2.3.4:443, 96 KiB unsent)"; empty if nothing is known.
// `lock_name` is the id of the lock of ours that a futex call waits for ("L3"), or empty. What the context refers to must be
// of the snapshot's moment: check afterwards whether the thread has run since.
std::string describe_activity(const Snapshot& snapshot, std::string_view lock_name, const CallContext& context);

}  // namespace holdwatch
