// Follows a function's code from its entry: how its stack pointer and rbp relate to each other at a given instruction,
// and to which other functions it may jump at its end (tail calls).
// Cold context only. Nothing is executed: values that have a known distance from a register's value at the entry are
// followed through moves, additions, pushes and alignments; anything else is unknown. The number of instructions is
// bounded.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "symbolizer/unwind/eh_frame.h"
#include "symbolizer/unwind/memory.h"
#include "symbolizer/unwind/modules.h"
#include "symbolizer/x86/instruction.h"

namespace holdwatch {

// `base` plus `offset`: base is the value of a register at the entry (0 ... 15, as encoded), or the stack pointer after
// it was lowered by an unknown amount (16 and above).
struct FlowValue {
  static constexpr int kUnknown = -1;
  static constexpr int kConstant = -2;    // the value is the offset alone
  static constexpr int kStackGuard = -3;  // what -fstack-protector puts between arrays and the return address
  int base = kUnknown;
  int64_t offset = 0;
  bool is_loaded = false;  // the contents of memory at that address, not the address itself

  bool is_address() const { return base >= 0 && !is_loaded; }
  // Whether it is an argument passed in a register (System V ABI, section 3.2.3), or has a known distance from one.
  bool is_argument() const;
  bool operator==(const FlowValue&) const = default;
};

inline constexpr EncodedRegister kArgumentRegisters[] = {EncodedRegister::rdi, EncodedRegister::rsi,
                                                         EncodedRegister::rdx, EncodedRegister::rcx,
                                                         EncodedRegister::r8,  EncodedRegister::r9};

inline bool FlowValue::is_argument() const {
  for (const EncodedRegister which : kArgumentRegisters)
    if (base == static_cast<int>(which)) return !is_loaded;
  return false;
}

// A 64-bit value that the function has stored at an address relative to its frame.
struct FlowStore {
  FlowValue where;
  FlowValue what;
  bool operator==(const FlowStore&) const = default;
};

struct FlowState {
  std::array<FlowValue, 16> registers;
  std::vector<FlowStore> stores;  // not overwritten since, as far as could be seen

  FlowValue& operator[](EncodedRegister which) { return registers[static_cast<size_t>(which)]; }
  const FlowValue& operator[](EncodedRegister which) const { return registers[static_cast<size_t>(which)]; }
  // As at the entry: the return address is on top of the stack.
  bool has_no_frame() const {
    return (*this)[EncodedRegister::rsp] == FlowValue{static_cast<int>(EncodedRegister::rsp), 0, false};
  }
};

// By how much one address is above another.
struct Distance {
  uint64_t least = 0;
  uint64_t most = 0;
};

// The instruction at `pc` in the process; nothing if there is none, or it cannot be read.
std::optional<Instruction> decode_at(MemoryReader& memory, uintptr_t pc);

class CodeFlow {
 public:
  CodeFlow(const Modules& modules, MemoryReader& memory) : modules_(modules), memory_(memory) {}

  // The instruction whose registers are wanted: the one at `pc`, or, if `pc` is a return address, the call before it.
  void watch(uintptr_t pc, bool is_return_address);

  // Follows the function that begins at `entry`: as far as the unwind tables say that it extends, including its parts
  // elsewhere; without a table, as far as its jumps lead.
  void follow_function(uintptr_t entry);

  // Follows the code from `pc` until it returns, when the function that contains it is unknown. `pc` then counts as the
  // entry.
  void follow_to_return(uintptr_t pc);

  // Null if there is none.
  const Instruction* instruction_at(uintptr_t pc);

  // The registers at the watched instruction; nothing if it has not been reached.
  const std::optional<FlowState>& watched() const { return watched_; }
  // By how much `upper` is above `lower`, a stack pointer; nothing if neither is derived from the other.
  std::optional<Distance> distance(FlowValue lower, const FlowValue& upper) const;

  // The ranges of the function's code according to the tables; empty if there are no tables for it.
  const std::vector<Procedure>& parts() const { return ranges_; }
  // The targets of jumps that leave the function for another one.
  const std::set<uintptr_t>& exits() const { return exits_; }
  // It may also end in a jump through a pointer.
  bool has_unknown_exit() const { return has_unknown_exit_; }
  // No instruction of it was missed.
  bool is_complete() const { return is_complete_; }
  // The registers at each `ret`.
  const std::vector<FlowState>& returns() const { return returns_; }

 private:
  // The stack pointer after an instruction that lowers it by an unknown amount: `from` minus least ... most.
  struct Lowering {
    FlowValue from;
    uint64_t least = 0;
    uint64_t most = UINT64_MAX;
  };

  void begin();
  bool add_procedure(uintptr_t pc);
  void sweep(const Procedure& range);
  void discover(uintptr_t entry);
  bool is_next_function(uintptr_t pc) const;
  bool is_inside(uintptr_t pc) const;
  void run();
  void run_block(uintptr_t start);
  bool step(uintptr_t pc, const Instruction& instruction, FlowState& state);
  void note_return(const FlowState& state);
  void change(uintptr_t pc, const Instruction& instruction, FlowState& state);
  FlowValue result_of(uintptr_t pc, const Instruction& instruction, const FlowState& state);
  FlowValue moved(const Instruction& instruction, const FlowState& state);
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
  FlowValue lowered(uint64_t key, const FlowValue& from, uint64_t least, uint64_t most);
  FlowValue merged_stack_pointer(uintptr_t pc, const FlowValue& one, const FlowValue& other);
  const Lowering* lowering_of(const FlowValue& value) const;

  const Modules& modules_;
  MemoryReader& memory_;
  uintptr_t watched_pc_ = 0;
  bool watches_call_ = false;
  std::optional<FlowState> watched_;

  std::vector<Procedure> ranges_;  // empty: no table shows where the function ends
  bool is_seeding_ = false;
  std::unordered_set<uintptr_t> seeded_;  // blocks reached only by an assumption
  std::unordered_map<uintptr_t, Instruction> code_;
  std::unordered_set<uintptr_t> reached_;
  std::set<uintptr_t> leaders_;            // where blocks begin
  std::map<uintptr_t, FlowState> states_;  // at the start of each block that has been reached
  std::vector<uintptr_t> pending_;
  std::map<uint64_t, int> lowering_keys_;
  std::vector<Lowering> lowerings_;
  std::optional<FlowState>
      at_switch_;  // at a jump through a table, from which blocks are reached that nothing else leads to
  std::optional<FlowState> at_call_;  // from which landing pads are reached
  std::set<uintptr_t> exits_;
  bool has_unknown_exit_ = false;
  bool is_complete_ = true;
  std::vector<FlowState> returns_;
  FlowValue compared_;  // with the stack pointer, by the previous instruction
  size_t steps_left_ = 0;
};

}  // namespace holdwatch
