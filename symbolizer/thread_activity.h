// What a thread of this process is doing and waits for, and who is behind that: activity and waits, with the stacks and names
// that they need.
// Cold context only (reporter thread).
#pragma once

#include <functional>
#include <string>

#include "shim/common/contract/finding.h"
#include "symbolizer/activity/context.h"
#include "symbolizer/unwind/modules.h"
#include "symbolizer/unwind/unwinder.h"
#include "symbolizer/waits/wait_reader.h"

namespace holdwatch {

class ThreadActivity {
 public:
  // All must outlive this object. `look_at_modules` makes sure that the modules are those of this report.
  ThreadActivity(Modules& modules, MemoryReader& memory, Unwinder& unwinder, const ResolveFrames& resolve,
                 std::function<void()> look_at_modules, decltype(WaitingProcess::learnt_ends) learnt_ends);

  // See SymbolizerApi::describe and SymbolizerApi::follow.
  std::string describe(const Snapshot& snapshot, uint32_t waits_for, bool by_registers, Wait& wait);
  WaitChain follow(const Wait& wait);

 private:
  Wait read_wait(const Snapshot& snapshot, const CallContext& context);
  FaultSite fault_site(const Snapshot& snapshot);
  void visit_stacks(const WaitingProcess::VisitStack& visit);

  Modules& modules_;
  MemoryReader& memory_;
  Unwinder& unwinder_;
  std::function<void()> look_at_modules_;
  const WaitingProcess process_;
  WaitReader waits_;
};

}  // namespace holdwatch
