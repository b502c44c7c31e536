// What the threads of an inspected process hold, by what their frames will release (symbolizer/guards).
// Cold context, in a process of our own.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <utility>

#include "symbolizer/guards/guard_search.h"
#include "symbolizer/tools/inspect/target.h"

namespace holdwatch {

class HolderGuards {
 public:
  // All must outlive this object. `lacks_names`: whether `resolve` had no time for a module.
  HolderGuards(InspectTarget& target, Unwinder& unwinder, const ResolveFrames& resolve,
               std::function<bool()> lacks_names)
      : target_(target), unwinder_(unwinder), resolve_(resolve), lacks_names_(std::move(lacks_names)) {}

  struct Held {
    std::vector<GuardedLock> locks;
    RawStack stack;
  };

  // Of a thread that has stayed since `task` was read; null otherwise, or if the time for all of them is over. `awaited`: the lock
  // that it waits for.
  const Held* of(const Task& task, const std::optional<LockRef>& awaited);

  // The same, but a thread some of whose registers are needed is stopped briefly, if its call does not show that. Then
  // `before_stop` is called first, and `task` becomes a later look.
  const Held* of_stopped(Task& task, const std::optional<LockRef>& awaited, const std::function<void()>& before_stop);

  // See GuardSearch::may_signal; false of a thread that has not stayed either.
  bool may_signal(const Task& task, const LockRef& awaited, uintptr_t object);

 private:
  struct Known {
    std::optional<Held> held;
    bool lacks_registers = false;
    bool lacks_names = false;  // nothing is known
  };
  GuardSearch& search();
  Known& look(const Task& task, const std::optional<LockRef>& awaited);
  Known find(const Capture& capture, const Task& task, const std::optional<LockRef>& awaited);

  InspectTarget& target_;
  Unwinder& unwinder_;
  const ResolveFrames& resolve_;
  std::function<bool()> lacks_names_;
  std::unique_ptr<GuardSearch> search_;
  std::map<int, Known> known_;  // by thread id
};

}  // namespace holdwatch
