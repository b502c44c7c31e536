// What a blocked thread waits for and who can end it: from its system call, the function that it is in, and what libc
// and the kernel keep about the object.
// Cold context only. Reads memory and /proc; waits for nothing. What is read belongs to the call only if the thread has
// not run since the snapshot: the caller checks that afterwards.
#pragma once

#include <functional>

#include "shim/common/contract/finding.h"
#include "shim/common/contract/wait.h"
#include "symbolizer/activity/context.h"
#include "symbolizer/unwind/code.h"
#include "symbolizer/waits/blocking_function.h"
#include "symbolizer/waits/innermost_functions.h"
#include "symbolizer/waits/waiting_process.h"

namespace holdwatch {

class WaitReader {
 public:
  // Both must outlive the reader.
  WaitReader(const WaitingProcess& process, const ResolveFrames& resolve)
      : process_(process), resolve_(resolve), code_(process.modules, process.memory) {}

  // Which blocking function the innermost frames of a stack show.
  BlockingFunction function_in(const RawStack& stack);

  // The same if the function is known.
  Wait read(const Snapshot& snapshot, BlockingFunction function, const CallContext& context);

  // `unwind` gives at least the innermost frames; it is called only for a futex call, which alone does not show what it
  // is for. The result's `known` is false if the thread is not blocked, or if it is not known in which call.
  Wait read(const Snapshot& snapshot, const std::function<const RawStack&()>& unwind, const CallContext& context);

 private:
  using FunctionOf = std::function<BlockingFunction()>;
  Wait read_with(const Snapshot& snapshot, const FunctionOf& function, const CallContext& context);
  Wait read_present(const Snapshot& snapshot, const FunctionOf& function, const CallContext& context);

  void add_thread_inside(Wait& wait);
  void add_initializing_thread(Wait& wait);

  const WaitingProcess& process_;
  const ResolveFrames& resolve_;
  Code code_;
};

}  // namespace holdwatch
