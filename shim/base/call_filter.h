// Whether the program has put a filter over its system calls (seccomp(2)) that may kill it for a call of ours. From then on
// holdwatch makes none but those that any threaded program makes: futex, and write to standard error.
// Any context. A filter that was there before the program started is none of these: the loader's calls were let through,
// and what is out of the ordinary is asked about before it is used (capture/own_memory).
#pragma once

#include <atomic>

namespace holdwatch {

// Written by the thread that installs the filter, before it does; read before each system call that may not be allowed.
[[gnu::visibility("hidden")]] inline std::atomic<bool> g_calls_filtered{false};

inline bool calls_filtered() {
  return g_calls_filtered.load(std::memory_order_seq_cst);
}

}  // namespace holdwatch
