// Where a call through a pointer leads: follows the instructions just before it with the registers of its frame, on
// memory as it is now. Distinguishes the live caller from a return address that an earlier, finished call has left on
// the stack.
// Cold context only. Nothing is executed.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "symbolizer/unwind/eh_frame.h"
#include "symbolizer/unwind/frame_step.h"
#include "symbolizer/unwind/known_registers.h"
#include "symbolizer/unwind/memory.h"
#include "symbolizer/x86/instruction.h"

namespace holdwatch {

class PointerCalls {
 public:
  explicit PointerCalls(MemoryReader& memory) : memory_(memory) {}

  // The address from which the code before the return address in `frame` can be followed: execution must have passed
  // through it. `procedure` is the frame's. 0 if there is none.
  uintptr_t followed_from(const Procedure& procedure, const RegisterSet& frame);

  // The registers at the call before the return address in `frame`, from those at the address that followed_from
  // returns.
  KnownRegisters at_call(const Procedure& procedure, const RegisterSet& frame, const KnownRegisters& at_start);

  // The target that the call reads, if it is a call through a pointer. The pointer may have changed since.
  std::optional<uintptr_t> target(const Procedure& procedure, const RegisterSet& frame, const KnownRegisters& at_call);

  // The registers at `end`, if the code from `start` to there can be followed: a function may end in a jump to another
  // one.
  std::optional<KnownRegisters> follow(uintptr_t start, uintptr_t end, const KnownRegisters& at_start);

  void forget() { windows_.clear(); }

 private:
  struct Placed {
    uintptr_t next;  // address of the following instruction
    Instruction instruction;
  };
  // The instructions that must have run just before a call, in order; the call is the last. Empty if unknown.
  using Window = std::vector<Placed>;

  std::optional<KnownRegisters> follow(uintptr_t start, uintptr_t end, const KnownRegisters& at_start,
                                       size_t& steps_left);
  const Window& window_before(const Procedure& procedure, uintptr_t return_address);
  Window find_window(const Procedure& procedure, uintptr_t return_address);

  MemoryReader& memory_;
  std::map<uintptr_t, Window> windows_;  // by return address
};

}  // namespace holdwatch
