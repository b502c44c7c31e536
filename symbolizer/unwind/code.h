// What the instructions around an address prove about a call: that there is one, whom it calls, how large a frame is.
// Cold context only. Reads only what it needs of x86-64's encodings; "cannot tell" is always an answer.
#pragma once

#include <cstdint>
#include <optional>

#include "symbolizer/unwind/eh_frame.h"
#include "symbolizer/unwind/memory.h"
#include "symbolizer/unwind/modules.h"

namespace holdwatch {

// Whether the call before a return address can have led into a given function.
enum class CallMatch : uint8_t {
  proven,       // it calls that function
  possible,     // it calls through a pointer, or a function that jumps to that function
  doubtful,     // it calls another function, which may have jumped on to that one
  contradicted  // there is no call, or it calls another function
};

class Code {
 public:
  Code(const Modules& modules, MemoryReader& memory) : modules_(modules), memory_(memory) {}

  bool is_code(uintptr_t address) const;

  // Whether the bytes before `return_address` can be a call instruction.
  bool follows_call(uintptr_t return_address) const;

  // Whether the call before `return_address` can have led to `callee_pc`.
  CallMatch match_call(uintptr_t return_address, uintptr_t callee_pc) const;

  // A lower bound for the distance from the stack pointer to the saved rbp in the function that begins at `start`, once
  // it has set up its frame: what its prologue allocates. 0 if it has no prologue of the usual form.
  uintptr_t frame_size(uintptr_t start) const;

  // Whether a function with a frame size by the above keeps its stack pointer where the prologue has put it, but for
  // pushed arguments: it has no array of variable size, no larger alignment, no allocation behind the prologue.
  bool has_fixed_frame(const Procedure& procedure) const;

  std::optional<Procedure> procedure(uintptr_t pc) const;

 private:
  uintptr_t through_plt(uintptr_t target) const;
  CallMatch match_jumps(const Procedure& called, const std::optional<Procedure>& callee) const;

  const Modules& modules_;
  MemoryReader& memory_;
};

}  // namespace holdwatch
