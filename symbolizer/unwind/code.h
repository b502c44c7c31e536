// What the instructions around an address prove about a call: that there is one, whom it calls, whether it can have led
// into a given function.
// Cold context only. "Cannot tell" is always an answer.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "symbolizer/unwind/code_flow.h"
#include "symbolizer/unwind/eh_frame.h"
#include "symbolizer/unwind/memory.h"
#include "symbolizer/unwind/modules.h"

namespace holdwatch {

// Whether the call before a return address can have led into a given function.
enum class CallMatch : uint8_t {
  proven,       // it calls that function, or one that ends in a jump to it, perhaps by way of others
  possible,     // it calls through a pointer, or a function that may end in a jump through one
  elsewhere,    // it calls through a pointer that leads to another function by now
  doubtful,     // it calls another function, not all of which could be followed
  contradicted  // there is no call, or it calls another function
};

class Code {
 public:
  Code(const Modules& modules, MemoryReader& memory) : modules_(modules), memory_(memory), flow_(modules, memory) {}

  bool is_code(uintptr_t address) const;

  // Whether the bytes before `return_address` can be a call instruction.
  bool follows_call(uintptr_t return_address) const;

  // Whether the call before `return_address` can have led to `callee_pc`, itself a return address or an exact one.
  CallMatch match_call(uintptr_t return_address, uintptr_t callee_pc, bool callee_pc_is_exact);

  // Whether a call of the function that begins at `target` can have led to `callee_pc`.
  CallMatch match_target(uintptr_t target, uintptr_t callee_pc, bool callee_pc_is_exact);

  // Where the call before `return_address` leads, if it says so itself: by way of a linkage stub, or of a slot at a fixed place,
  // too. No instruction lies between that could change a register.
  std::optional<uintptr_t> callee_entry(uintptr_t return_address);

  std::optional<Procedure> procedure(uintptr_t pc) const;

  // To ask other questions about code; what it was asked before is forgotten.
  CodeFlow& flow() { return flow_; }

  // Drops what is known of functions: pointers that they jump through may change.
  void forget() { endings_.clear(); }

 private:
  // Where a function's code lies, and how it may end in another one.
  struct Endings {
    std::vector<Procedure> parts;
    std::vector<uintptr_t> exits;
    bool has_unknown_exit;
    bool is_complete;
  };
  std::optional<uintptr_t> direct_target(uintptr_t return_address) const;
  std::optional<uintptr_t> slot_of_call(uintptr_t return_address) const;
  bool is_in_function(uintptr_t entry, uintptr_t pc, bool pc_is_exact);
  const Endings& endings(uintptr_t entry);

  const Modules& modules_;
  MemoryReader& memory_;
  CodeFlow flow_;
  std::map<uintptr_t, Endings> endings_;
};

}  // namespace holdwatch
