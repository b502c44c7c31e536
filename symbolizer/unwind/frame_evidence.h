// Where rbp is not known: what else speaks for a value of it, or tells it. What the function has stored in its frame, what
// the caller keeps in registers, and the arguments of the system call that the thread is in.
// Cold context only. Looks at code by data flow, and runs nothing.
#pragma once

#include <cstdint>
#include <optional>

#include "shim/common/contract/finding.h"
#include "symbolizer/unwind/code.h"
#include "symbolizer/unwind/frame_step.h"
#include "symbolizer/unwind/memory.h"

namespace holdwatch {

enum class Support : uint8_t {
  against,  // what is said cannot be true
  none,
  supported  // more fits than chance would let fit
};

class FrameEvidence {
 public:
  FrameEvidence(Code& code, MemoryReader& stack) : code_(code), stack_(stack) {}

  // Whether the frame's memory holds what its function, which begins at `entry`, has stored there if its rbp is right:
  // constants, addresses within the frame, the stack guard.
  Support of_stores(const RegisterSet& frame, uintptr_t entry);

  // Whether a frame has the registers that the function at `entry` keeps at a known distance from its stack pointer, as rbp in
  // code with frame pointers.
  Support of_registers(const RegisterSet& frame, uintptr_t entry);

 private:
  std::optional<uintptr_t> resolve(const FlowValue& value, const RegisterSet& frame, const FlowState& state) const;

  Code& code_;
  MemoryReader& stack_;
};

}  // namespace holdwatch
