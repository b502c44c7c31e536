// When rbp is unknown: evidence for or against a value of it, or the value itself, from what the function has stored in
// its frame, what the caller keeps in registers, and the arguments of the thread's current system call.
// Cold context only. Analyses code by data flow, and executes nothing.
#pragma once

#include <cstdint>
#include <optional>

#include "shim/common/contract/finding.h"
#include "symbolizer/unwind/code.h"
#include "symbolizer/unwind/frame_step.h"
#include "symbolizer/unwind/memory.h"

namespace holdwatch {

enum class Support : uint8_t {
  against,  // it contradicts the value
  none,
  supported  // more matches than would by chance
};

class FrameEvidence {
 public:
  FrameEvidence(Code& code, MemoryReader& stack) : code_(code), stack_(stack) {}

  // Whether the frame's memory contains what its function, which begins at `entry`, must have stored there if rbp is
  // right: constants, addresses within the frame, the stack guard.
  Support of_stores(const RegisterSet& frame, uintptr_t entry);

  // Whether a frame's registers fit the function at `entry`, which keeps some at a known distance from its stack
  // pointer, such as rbp in code with frame pointers.
  Support of_registers(const RegisterSet& frame, uintptr_t entry);

 private:
  std::optional<uintptr_t> resolve(const FlowValue& value, const RegisterSet& frame, const FlowState& state) const;

  Code& code_;
  MemoryReader& stack_;
};

}  // namespace holdwatch
