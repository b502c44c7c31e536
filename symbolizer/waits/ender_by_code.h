// Who ends a wait, where only the code of a thread can tell: one that waits for a lock which the waiting thread has, and goes on to
// signal the condition, or to post the semaphore (guards/guard_search.h). Likely only.
// Cold context.
#pragma once

#include <string>

#include "shim/common/contract/wait.h"

namespace holdwatch {

// Whether nobody is known to end it, and a thread of this process may.
constexpr bool may_be_ended_by_code(const Wait& wait) {
  const bool is_signalled = wait.kind == WaitKind::condition || wait.kind == WaitKind::semaphore;
  return wait.known && is_signalled && wait.object != 0 && wait.ender_count == 0 && wait.gap != EnderGap::processes;
}

// `name`: the thread's.
inline void add_ender_by_code(Wait& wait, int tid, const std::string& name) {
  Ender& ender = wait.enders[wait.ender_count++];
  ender = {0, tid, Evidence::code, {}};
  name.copy(ender.thread, kThreadNameSize - 1);
  wait.gap = EnderGap::none;
}

}  // namespace holdwatch
