// The instructions of one function, and where its basic blocks begin: as far as the unwind tables say that it extends,
// with its parts elsewhere; without a table, as far as its jumps lead.
// Cold context only; bounded.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <unordered_map>
#include <vector>

#include "symbolizer/unwind/eh_frame.h"
#include "symbolizer/unwind/memory.h"
#include "symbolizer/unwind/modules.h"
#include "symbolizer/x86/instruction.h"

namespace holdwatch {

// The instruction at `pc` in the process; nothing if there is none, or it cannot be read.
std::optional<Instruction> decode_at(MemoryReader& memory, uintptr_t pc);

// Whether a basic block ends with this instruction. Code after a breakpoint is not followed: compilers use it as padding.
bool ends_block(const Instruction& instruction);

class FunctionCode {
 public:
  FunctionCode(const Modules& modules, MemoryReader& memory) : modules_(modules), memory_(memory) {}

  void clear();

  // Null if there is none.
  const Instruction* instruction_at(uintptr_t pc);

  // Adds the code that contains `pc`, according to the tables, to the function; false if they do not describe it.
  bool add_procedure(uintptr_t pc);

  // Adds everything that jumps from `entry` on lead to, as long as no table describes it.
  void discover(uintptr_t entry);

  // Without tables: whether the code after a call is the next function, because this one ends in a call that never
  // returns (such as __stack_chk_fail).
  bool is_next_function(uintptr_t pc) const;

  bool is_inside(uintptr_t pc) const;
  bool begins_block(uintptr_t pc) const { return block_starts_.contains(pc); }
  void begin_block(uintptr_t pc) { block_starts_.insert(pc); }
  const std::set<uintptr_t>& block_starts() const { return block_starts_; }
  const std::unordered_map<uintptr_t, Instruction>& instructions() const { return instructions_; }

  // The ranges according to the tables; empty if there are no tables for it.
  const std::vector<Procedure>& parts() const { return parts_; }
  bool has_table() const { return !parts_.empty(); }
  // False if bytes in it are no instruction.
  bool is_complete() const { return is_complete_; }

 private:
  void sweep(const Procedure& part);
  bool is_described(uintptr_t pc) const;

  const Modules& modules_;
  MemoryReader& memory_;
  std::vector<Procedure> parts_;
  std::unordered_map<uintptr_t, Instruction> instructions_;
  std::set<uintptr_t> block_starts_;
  bool is_complete_ = true;
};

}  // namespace holdwatch
