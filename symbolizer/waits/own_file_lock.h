// Which thread of a process has its lock of a file, for which another one of its threads waits: the kernel names only the process.
// Pure, but for reading a thread's name.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "shim/common/contract/wait.h"

namespace holdwatch {

// Likely only, and only where nobody can release it any more: if all `others` of the process wait for `waiter`, directly or through
// one another, for certain and without a timeout. Then it is the only one of them that waits for a lock, and not just for the end
// of a thread; 0 if there are several, or none.
int likely_holder_of_own_file_lock(int waiter, const std::vector<int>& others,
                                   const std::function<std::optional<Wait>(int tid)>& wait_of);

// Without those that holdwatch has started in it, by their names: these take no locks of files.
std::vector<int> threads_of_program(int pid);

// Whether the wait is for such a lock, of which no thread is known to have it.
constexpr bool is_for_own_file_lock(const Wait& wait) {
  return wait.known && wait.kind == WaitKind::file_lock && wait.other_end_is_here && wait.ender_count == 1 &&
         wait.enders[0].only == OnlyThread::no && !wait.may_be_interrupted;
}

// `name`: the thread's.
void add_likely_holder(Wait& wait, int tid, const std::string& name);

}  // namespace holdwatch
