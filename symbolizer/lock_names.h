// What a lock is called that the program has given no name: by the variable that contains it, by the class whose member it is, as far
// as a frame of a thread that has or wants it leads to the object, or at last by the function that was first seen to take it.
// Cold context only (reporter thread). Does not affect the threads.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "shim/common/contract/finding.h"
#include "symbolizer/symbols/lru.h"
#include "symbolizer/symbols/symbols.h"
#include "symbolizer/unwind/code.h"
#include "symbolizer/unwind/frame_step.h"
#include "symbolizer/unwind/memory.h"
#include "symbolizer/unwind/modules.h"
#include "symbolizer/unwind/stack_memory.h"
#include "symbolizer/unwind/stack_step.h"

namespace holdwatch {

// Whether locks of that kind have names of this sort.
bool is_named(LockKind kind);

class LockNames {
 public:
  // All must outlive this object.
  LockNames(const Modules& modules, MemoryReader& memory, Symbols& symbols);

  // A stack that was captured just now.
  void add_stack(const RawStack& stack, const SystemCall& call, std::vector<RegisterSet> registers);

  // Of a lock of the report that is about these stacks, as of the episode's first report; empty if it is not known.
  std::string name(const LockRef& lock, uint64_t episode, const std::vector<const RawStack*>& stacks);

  // The report is done.
  void end_report() {
    captured_.clear();
    searches_ = 0;
  }

 private:
  struct Captured {
    std::vector<RegisterSet> registers;
    SystemCall call;
  };
  std::string find(const LockRef& lock, const std::vector<const RawStack*>& stacks);
  std::string by_frames(const LockRef& lock, const RawStack& stack, size_t& frames_left);
  std::string by_frame(const LockRef& lock, const RawStack& stack, size_t index, const RegisterSet& registers);
  bool is_still_there(const RawStack& stack, size_t index);
  std::string by_variable(const LockRef& lock, const std::vector<const RawStack*>& stacks);

  const Modules& modules_;
  MemoryReader& memory_;
  Symbols& symbols_;
  StackMemory stack_;
  Code code_;
  StackStepper stepper_;
  uint64_t generation_ = 0;
  std::map<const RawStack*, Captured> captured_;
  size_t searches_ = 0;
  // By episode and address: the object may be gone when the lock is released.
  Lru<std::string, std::string> known_{1024};
};

}  // namespace holdwatch
