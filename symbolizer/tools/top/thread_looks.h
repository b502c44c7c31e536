// What the threads of a process are doing, looked at from outside: their system calls, stacks and names. Only threads that are
// shown are looked at, and of one that has not run since, what is known already still holds. No thread is stopped or sampled: of
// a running one no stack is seen.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "shim/common/contract/lock_list.h"
#include "symbolizer/symbols/symbols.h"
#include "symbolizer/tools/inspect/live_process.h"
#include "symbolizer/tools/top/process_threads.h"
#include "symbolizer/unwind/unwinder.h"
#include "symbolizer/waits/wait_reader.h"

namespace holdwatch::top {

struct ThreadLook {
  Snapshot snapshot{};
  std::string name;
  std::string doing;  // empty: not known
  Wait wait{};
  std::unique_ptr<RawStack> stack;  // null: not looked at, or the thread ran
};

class ThreadLooks {
 public:
  // Throws attach::Refusal if the process cannot be looked into.
  explicit ThreadLooks(int pid);

  // A new list has come: threads may have moved on. What was not asked for since the last call is forgotten.
  void begin();

  enum class Stack : uint8_t { needless, needed };
  // The thread that holds or waits in this use; null if it has exited.
  const ThreadLook* look(const ListedUse& use, int namespace_tid, Stack stack);

  std::vector<Frame> resolve(uintptr_t pc, bool exact);
  uintptr_t function_start(uintptr_t pc);
  // The variable at this address; empty if it is not known.
  std::string variable(uintptr_t address);
  std::string host() { return process_->host(); }
  std::string executable() { return process_->executable(); }

 private:
  struct Remembered {
    ThreadLook look;
    int tid = 0;
    uint64_t asked_at = 0;
  };

  void see_modules();
  void look_anew(Remembered& remembered, const Task& task, Stack stack);
  const RawStack& unwind(const Task& task, ThreadLook& look);
  WaitingProcess waiting_process();

  const int pid_;
  std::unique_ptr<LiveProcess> process_;
  ProcessThreads threads_;
  Unwinder unwinder_;
  Symbols symbols_;
  const ResolveFrames resolve_;
  const WaitingProcess waiting_process_;
  WaitReader waits_;
  uint64_t number_ = 0;  // of the present list
  uint64_t modules_seen_at_ = 0;
  uint64_t generation_ = 0;
  std::map<ListedUse, Remembered> remembered_;
};

}  // namespace holdwatch::top
