// What has to be known of a process to understand what its threads wait for.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "shim/common/contract/finding.h"
#include "shim/common/contract/learnt_end.h"
#include "shim/common/contract/repeated_wait.h"
#include "shim/common/proc/shared_owner.h"
#include "symbolizer/unwind/memory.h"
#include "symbolizer/unwind/modules.h"

namespace holdwatch {

struct WaitingProcess {
  const Modules& modules;
  MemoryReader& memory;
  // The thread's id for us, from the one that it has for itself and that libc's objects contain; 0: there is no such thread.
  std::function<int(int tid)> thread_with_id;
  std::function<std::string(int pid, int tid)> thread_name;  // pid 0: this process
  std::function<bool()> has_our_pids;                        // it is in our pid namespace
  // Calls `visit` for each of its threads that does not run, with its stack; for none if there are too many, or it is empty.
  using VisitStack = std::function<void(const Snapshot& thread, const RawStack& stack)>;
  std::function<void(const VisitStack& visit)> for_each_stack{};
  // The variable of the program or a library at this address, as its symbols name it; empty if not known.
  std::function<std::string(uintptr_t address)> variable_name{};
  // Empty where nobody has watched the process.
  std::function<LearntEnds(uintptr_t object, size_t size)> learnt_ends{};
  std::function<RepeatedWait(int tid, uintptr_t condition, size_t size)> repeated_wait{};
  // Of a lock that processes share, whom it means by the id of its owner (shared_owner.h); pid 0: this process. Empty where other
  // processes cannot be seen.
  std::function<std::optional<SharedOwner>(uintptr_t lock, int id)> shared_owner{};
};

}  // namespace holdwatch
