// Finds a thread in which a function can be called without harm, and takes it.
// Harm would be: in the middle of the loader's or the allocator's work, whose locks the function takes again; in a system
// call that an interruption ends; while any other thread stays inside the loader or the allocator for good.
#pragma once

#include <chrono>
#include <memory>

#include "symbolizer/tools/attach/remote_call.h"
#include "symbolizer/tools/attach/target.h"

namespace holdwatch::control {

// Looks for one again and again until `timeout` is over; then throws Refusal with what was in the way.
std::unique_ptr<RemoteCall> take_safe_thread(Target& target, const LibcCode& code, std::chrono::milliseconds timeout);

}  // namespace holdwatch::control
