// What the instructions around an address prove about a call: that there is one, which function it calls, and whether
// it can have led into a given function.
// Cold context only. Every result may be "unknown".
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
  proven,       // it calls that function, or one that ends in a jump to it, perhaps through further functions
  possible,     // it calls through a pointer, or a function that may end in a jump through one
  elsewhere,    // it calls through a pointer that now leads to another function
  doubtful,     // it calls another function, which could not be followed completely
  contradicted  // there is no call, or it calls another function
};

class Code {
 public:
  Code(const Modules& modules, MemoryReader& memory) : modules_(modules), memory_(memory), flow_(modules, memory) {}

  bool is_code(uintptr_t address) const;

  // Whether the bytes before `return_address` can be a call instruction.
  bool follows_call(uintptr_t return_address) const;

  // Whether the call before `return_address` can have led to `callee_pc`, which is a return address or an exact pc.
  CallMatch match_call(uintptr_t return_address, uintptr_t callee_pc, bool callee_pc_is_exact);

  // Whether a call of the function that begins at `target` can have led to `callee_pc`.
  CallMatch match_target(uintptr_t target, uintptr_t callee_pc, bool callee_pc_is_exact);

  // The target of the call before `return_address`, if the code alone determines it: also through a linkage stub, or a
  // pointer at a fixed address. No instruction in between can change a register.
  std::optional<uintptr_t> callee_entry(uintptr_t return_address);

  std::optional<Procedure> procedure(uintptr_t pc) const;

  // See find_personality.
  uintptr_t personality(uintptr_t pc) const;

  // For other analyses of code; drops the results of the previous one.
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
