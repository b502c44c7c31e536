// What the threads of an inspected process hold, by what their frames will release (symbolizer/guards).
// Cold context, in a process of our own.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>

#include "symbolizer/guards/guard_search.h"
#include "symbolizer/tools/inspect/target.h"

namespace holdwatch {

class HolderGuards {
 public:
  // All must outlive this object.
  HolderGuards(InspectTarget& target, Unwinder& unwinder, const ResolveFrames& resolve)
      : target_(target), search_(target.modules(), target.memory(), unwinder, resolve) {}

  struct Held {
    std::vector<GuardedLock> locks;
    RawStack stack;
  };

  // Of a thread that has stayed since `task` was read; nothing otherwise, or if the time for all of them is over. `awaited`: the
  // lock that it waits for. A thread some of whose registers are needed is stopped briefly, if its call does not show that: then
  // `task` becomes a later look, and `was_stopped` is called before.
  const Held* of(Task& task, const std::optional<LockRef>& awaited, const std::function<void()>& was_stopped);

 private:
  std::optional<Held> look(Task& task, const std::optional<LockRef>& awaited, const std::function<void()>& was_stopped);
  std::optional<Held> search(const Capture& capture, const Task& task, const std::optional<LockRef>& awaited,
                             bool& lacks_registers);

  InspectTarget& target_;
  GuardSearch search_;
  std::map<int, std::optional<Held>> known_;  // by thread id
};

}  // namespace holdwatch
