// The registers of a stack's frames that neither inner frames have saved nor the code shows without more: each function is followed
// on paper from its entry to the call that it is in, into what it calls, on memory as it is now. So an address is found that was
// loaded through several pointers, computed from an index, or returned by a function.
// Cold context only; one thread at a time. Bounded in steps. Nothing is executed.
#pragma once

#include <vector>

#include "symbolizer/guards/code_paths.h"
#include "symbolizer/guards/lock_calls.h"
#include "symbolizer/unwind/deduced_registers.h"
#include "symbolizer/unwind/memory.h"

namespace holdwatch {

// What a function has done to locks before the call that it is in.
struct LocksBefore {
  bool is_known = false;
  Locks acquired;  // and not released
  Locks released;  // that it had been called with
};

class FollowedRegisters {
 public:
  // All must outlive this object.
  FollowedRegisters(CodePaths& paths, LockCalls& calls, MemoryReader& memory)
      : paths_(paths), calls_(calls), memory_(memory) {}

  // To be called for the frames of one stack, outermost first. Adds what is found to `frame.likely`: memory may have changed.
  // Registers that are known there already are the test of a path.
  LocksBefore add_to(DeducedFrame& frame);

  // The next stack.
  void begin() { caller_calls_ = 0; }

 private:
  std::vector<Arrival> arrivals_at(const PathStart& start, const RegisterSet& frame);
  void keep_arguments(const std::vector<Arrival>& arrivals);

  CodePaths& paths_;
  LockCalls& calls_;
  MemoryReader& memory_;
  uintptr_t caller_calls_ = 0;  // the function that the next outer frame has called; 0 if it is not known
  KnownRegisters arguments_{};  // with which
};

}  // namespace holdwatch
