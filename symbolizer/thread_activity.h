// What a thread of this process is doing and waits for, and who is behind that: activity and waits, with the stacks and names
// that they need.
// Cold context only (reporter thread).
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "shim/common/contract/finding.h"
#include "shim/common/contract/symbolizer_api.h"
#include "symbolizer/activity/context.h"
#include "symbolizer/unwind/modules.h"
#include "symbolizer/unwind/unwinder.h"
#include "symbolizer/waits/code_ahead.h"
#include "symbolizer/waits/wait_chain.h"
#include "symbolizer/waits/wait_reader.h"

namespace holdwatch {

class ThreadActivity {
 public:
  // HoldersByCode::may_signal.
  using MaySignal =
      std::function<std::optional<bool>(const Snapshot& thread, const LockRef& awaited, uintptr_t object)>;

  // All must outlive this object. `look_at_modules` makes sure that the modules are those of this report.
  ThreadActivity(Modules& modules, MemoryReader& memory, Unwinder& unwinder, const ResolveFrames& resolve,
                 decltype(WaitingProcess::variable_name) variable_name, std::function<void()> look_at_modules,
                 MaySignal may_signal, const HostCalls& host);

  // See SymbolizerApi::describe and SymbolizerApi::follow.
  std::string describe(const Snapshot& snapshot, uint32_t waits_for, bool by_registers, Wait& wait);
  WaitChain follow(int tid, const Wait& wait);

  // The mutex or rwlock that a thread waits for; none if it waits for none.
  std::optional<LockRef> lock_awaited_by(const Snapshot& thread);

 private:
  Wait read_wait(const Snapshot& snapshot, const CallContext& context);
  struct LookedAt {
    ThreadFiles files;
    Snapshot snapshot;
  };
  std::optional<SeenInChain> look_at_waiting(int tid, std::vector<LookedAt>& looked_at);
  std::optional<SeenInChain> look_at_other_process(const Ender& thread, std::vector<LookedAt>& looked_at);
  Wait wait_for_shared_mutex(uintptr_t mutex);
  void add_holder_of_own_file_lock(int waiter, Wait& wait);
  FaultSite fault_site(const Snapshot& snapshot);
  void visit_stacks(const WaitingProcess::VisitStack& visit);

  // The threads that wait, without a timeout, for a mutex that `waiter` has, and whose code goes on to end its wait for the object.
  struct EndersByCode {
    int waiter = 0;
    uintptr_t object = 0;
    uint64_t found_ns = 0;
    std::vector<Snapshot> threads;
  };
  void add_enders_by_code(const Snapshot& waiter, Wait& wait);
  void find_enders_by_code(int waiter, uintptr_t object);
  bool goes_on_to_end(const Snapshot& thread, const LockRef& awaited, uintptr_t object);

  Modules& modules_;
  MemoryReader& memory_;
  Unwinder& unwinder_;
  std::function<void()> look_at_modules_;
  MaySignal may_signal_;
  const WaitingProcess process_;
  WaitReader waits_;
  CodeAhead code_ahead_;
  EndersByCode enders_by_code_;  // a thread that waits in short slices is looked at several times
};

}  // namespace holdwatch
