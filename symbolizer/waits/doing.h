// The text of "doing" for a thread whose wait was read.
// Cold context only.
#pragma once

#include <string>
#include <string_view>

#include "shim/common/contract/finding.h"
#include "symbolizer/activity/context.h"

namespace holdwatch {

// The words of the wait; for a wait that the system call describes better, and for a thread that does not wait, those of
// describe_activity, whose conditions hold here too. `lock_name` is our id for the lock that it waits for, or empty: then the call
// is described with that. The lock of a stream says who has it, whether or not there is a report about that too.
std::string describe_doing(const Snapshot& snapshot, const Wait& wait, std::string_view lock_name,
                           const CallContext& context);

}  // namespace holdwatch
