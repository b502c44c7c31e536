// Finds a thread in which a function can be called without harm, and stops it.
// A call would do harm in the middle of the loader's or the allocator's work, because the function takes their locks
// again; in a system call that an interruption ends; and while any other thread stays blocked inside the loader or the
// allocator.
#pragma once

#include <chrono>
#include <memory>

#include "symbolizer/tools/attach/remote_call.h"
#include "symbolizer/tools/attach/target.h"

namespace holdwatch::attach {

// Tries again and again until `timeout` is over; then throws Refusal with what prevented it.
std::unique_ptr<RemoteCall> take_safe_thread(AttachTarget& target, const LibcCode& code,
                                             std::chrono::milliseconds timeout);

}  // namespace holdwatch::attach
