// When the wake-up of a lock's waiters is known to be lost: the rules of the watch, which looks at its own process, and of
// `inspect`, which looks at another one.
// Any context; pure.
//
// In each of several looks the lock was free, and a thread that waits for it without a timeout has slept for it all the time, in the
// kernel's queue for its word. And no thread of the process is between freeing a lock and waking a waiter, or on its way to take the
// lock: each was seen asleep once, in a system call of its own: not stopped, not frozen, not in a signal handler.
#pragma once

#include <cstddef>
#include <string_view>

namespace holdwatch {

inline constexpr unsigned kLeastLooksAtFreeLock = 4;
// Each costs some files of /proc, once for a lock that stays free.
inline constexpr size_t kMostThreadsLookedAt = 1024;

// `channel`: the function of the kernel that the thread sleeps in (/proc/PID/task/TID/wchan). A thread leaves the queue before it is
// stopped, frozen or given a signal.
constexpr bool is_in_futex_queue(std::string_view channel) {
  return channel.starts_with("futex");
}

// A frozen thread is shown in the call that it was in when it was frozen (cgroup v2); where the kernel does not name what it sleeps
// in ("0"), that is not known.
constexpr bool sleeps_by_itself(std::string_view channel) {
  return !channel.empty() && channel != "0" && channel.find("freezer") == channel.npos;
}

}  // namespace holdwatch
