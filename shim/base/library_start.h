// Whether the symbolizer's libraries start just now in a process that was attached to, where nothing of it is to stay behind.
// Any context.
#pragma once

#include <atomic>

namespace holdwatch {

// Written by the reporter's thread, read by hooks in it.
inline std::atomic<bool> g_libraries_start_unseen{false};

}  // namespace holdwatch
