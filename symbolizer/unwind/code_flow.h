// Follows a function's code from its entry: how its stack pointer and rbp relate to each other at a given instruction,
// and to which other functions it may jump at its end (tail calls).
// Cold context only. Nothing is executed: values that have a known distance from a register's value at the entry are
// followed through moves, additions, pushes and alignments; anything else is unknown. The number of instructions is
// bounded.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <unordered_set>
#include <vector>

#include "symbolizer/unwind/eh_frame.h"
#include "symbolizer/unwind/flow_state.h"
#include "symbolizer/unwind/function_code.h"
#include "symbolizer/unwind/lowerings.h"
#include "symbolizer/unwind/memory.h"
#include "symbolizer/unwind/modules.h"
#include "symbolizer/x86/instruction.h"

namespace holdwatch {

class CodeFlow {
 public:
  CodeFlow(const Modules& modules, MemoryReader& memory) : memory_(memory), code_(modules, memory) {}

  // The instruction whose registers are wanted: the one at `pc`, or, if `pc` is a return address, the call before it.
  void watch(uintptr_t pc, bool is_return_address);

  // What is assumed of a block that nothing was seen to lead to, such as the handler of an exception, must not weaken what is known
  // of the stack pointer in other blocks. Of the other registers it counts, if what is found has to hold in any case.
  enum class Assumed : uint8_t { is_ignored, counts };

  // Follows the function that begins at `entry`: as far as the unwind tables say that it extends, including its parts
  // elsewhere; without a table, as far as its jumps lead.
  void follow_function(uintptr_t entry, Assumed assumed = Assumed::is_ignored);

  // Follows the code from `pc` until it returns, when the function that contains it is unknown. `pc` then counts as the
  // entry.
  void follow_to_return(uintptr_t pc);

  // Null if there is none.
  const Instruction* instruction_at(uintptr_t pc) { return code_.instruction_at(pc); }

  // The registers at the watched instruction; nothing if it has not been reached.
  const std::optional<FlowState>& watched() const { return watched_; }
  // By how much `upper` is above `lower`, a stack pointer; nothing if neither is derived from the other.
  std::optional<Distance> distance(const FlowValue& lower, const FlowValue& upper) const {
    return lowerings_.distance(lower, upper);
  }

  // The ranges of the function's code according to the tables; empty if there are no tables for it.
  const std::vector<Procedure>& parts() const { return code_.parts(); }
  // The targets of jumps that leave the function for another one.
  const std::set<uintptr_t>& exits() const { return exits_; }
  // It may also end in a jump through a pointer.
  bool has_unknown_exit() const { return has_unknown_exit_; }
  // No instruction of it was missed.
  bool is_complete() const { return is_complete_ && code_.is_complete(); }
  // The registers at each `ret`.
  const std::vector<FlowState>& returns() const { return returns_; }

 private:
  void begin();
  void run();
  void run_block(uintptr_t start);
  bool step(uintptr_t pc, const Instruction& instruction, FlowState& state);
  void note_return(const FlowState& state);
  void change(uintptr_t pc, const Instruction& instruction, FlowState& state);
  FlowValue result_of(uintptr_t pc, const Instruction& instruction, const FlowState& state);
  static FlowValue moved(uintptr_t pc, const Instruction& instruction, const FlowState& state);
  void store(const FlowValue& where, const FlowValue& what, FlowState& state);
  static FlowValue loaded(const FlowValue& address, const FlowState& state);
  FlowValue restored_stack_pointer(uintptr_t pc, const FlowState& state);
  void note_watched(uintptr_t pc, const Instruction& instruction, const FlowState& state);
  void jump_to(uintptr_t target, const FlowState& state);
  void jump_through_pointer(uintptr_t next, const Instruction& instruction, const FlowState& state);
  void reach(uintptr_t pc, const FlowState& state);
  std::optional<FlowState> seed();
  void seed_unreached();
  void note_unreached_exits();
  void merge(uintptr_t pc, FlowState& into, const FlowState& from, bool& changed);

  MemoryReader& memory_;
  FunctionCode code_;
  Lowerings lowerings_;
  uintptr_t watched_pc_ = 0;
  bool watches_call_ = false;
  std::optional<FlowState> watched_;

  Assumed assumed_ = Assumed::is_ignored;
  bool is_seeding_ = false;
  std::unordered_set<uintptr_t> seeded_;  // blocks reached only by an assumption
  std::unordered_set<uintptr_t> reached_;
  std::map<uintptr_t, FlowState> states_;  // at the start of each block that has been reached
  std::vector<uintptr_t> pending_;
  // At a jump through a table, from which blocks are reached that nothing else leads to.
  std::optional<FlowState> at_switch_;
  std::optional<FlowState> at_call_;  // from which landing pads are reached
  std::set<uintptr_t> exits_;
  bool has_unknown_exit_ = false;
  bool is_complete_ = true;
  std::vector<FlowState> returns_;
  FlowValue compared_;  // with the stack pointer, by the previous instruction
  size_t steps_left_ = 0;
};

}  // namespace holdwatch
