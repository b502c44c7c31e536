// Where a call through a pointer leads: the instructions just before it are followed with the registers that its frame has, on
// memory as it is now. Tells the caller that is alive from one that a call which is over has left on the stack.
// Cold context only. Nothing is run.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "symbolizer/unwind/eh_frame.h"
#include "symbolizer/unwind/frame_step.h"
#include "symbolizer/unwind/instruction.h"
#include "symbolizer/unwind/memory.h"

namespace holdwatch {

// What is known of the general registers, as they are encoded, at one instruction.
using KnownRegisters = std::array<std::optional<uintptr_t>, 16>;

class PointerCalls {
 public:
  explicit PointerCalls(MemoryReader& memory) : memory_(memory) {}

  // From where on the code before the return address in `frame` can be followed: execution must have come by there. `procedure`
  // is the frame's. 0 if it cannot be followed.
  uintptr_t followed_from(const Procedure& procedure, const RegisterSet& frame);

  // The registers at the call before the return address in `frame`, from those at the address that followed_from tells.
  KnownRegisters at_call(const Procedure& procedure, const RegisterSet& frame, const KnownRegisters& at_start);

  // The address that the call reads, if it is one through a pointer. The pointer may have been changed since.
  std::optional<uintptr_t> target(const Procedure& procedure, const RegisterSet& frame, const KnownRegisters& at_call);

  // The registers at `end`, if the code from `start` on can be followed there: a function may end in a jump to another one.
  std::optional<KnownRegisters> follow(uintptr_t start, uintptr_t end, const KnownRegisters& at_start);

  void forget() { windows_.clear(); }

 private:
  struct Placed {
    uintptr_t next;  // address of the instruction behind it
    Instruction instruction;
  };
  // The instructions that must have run just before a call, in order; the call is the last. Empty if they are not known.
  using Window = std::vector<Placed>;

  std::optional<KnownRegisters> follow(uintptr_t start, uintptr_t end, const KnownRegisters& at_start,
                                       size_t& steps_left);
  const Window& window_before(const Procedure& procedure, uintptr_t return_address);
  Window find_window(const Procedure& procedure, uintptr_t return_address);

  MemoryReader& memory_;
  std::map<uintptr_t, Window> windows_;  // by return address
};

}  // namespace holdwatch
