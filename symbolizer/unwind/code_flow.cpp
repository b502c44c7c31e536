// Data flow over machine code, to find the stack pointer. See code_flow.h.
// Cold context only.
#include "symbolizer/unwind/code_flow.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace holdwatch {

namespace {

constexpr size_t kMaxSteps = 60000;  // instructions followed in one analysis
constexpr size_t kMaxReturns = 64;
constexpr size_t kMaxStores = 32;
constexpr int64_t kStackGuardOffset = 0x28;  // from fs: glibc's tcbhead_t::stack_guard
constexpr int64_t kWordSize = 8;

constexpr int kRsp = static_cast<int>(EncodedRegister::rsp);
constexpr int kRbp = static_cast<int>(EncodedRegister::rbp);
constexpr uint8_t kNotEqual = 5;  // the condition of jne

FlowState entry_state() {
  FlowState state;
  for (int number = 0; number < 16; ++number) state.registers[static_cast<size_t>(number)] = {number, 0, false};
  return state;
}

// A register's value; unknown for what is no general register.
FlowValue value_of(int number, const FlowState& state) {
  return number >= 0 && number < kGeneralRegisters ? state.registers[static_cast<size_t>(number)] : FlowValue{};
}

// The address of the memory operand of the instruction at `pc`.
FlowValue operand_address(uintptr_t pc, const Instruction& instruction, const FlowState& state) {
  if (!instruction.memory) return {};
  const MemoryOperand& operand = *instruction.memory;
  if (operand.is_fixed() && operand.is_computable && !operand.has_segment) {
    const uintptr_t from = operand.is_relative ? pc + instruction.length : 0;
    return {FlowValue::kConstant, static_cast<int64_t>(from) + operand.displacement, false};
  }
  const bool has_base_alone = operand.index == kNoRegister && operand.is_computable;
  FlowValue address = has_base_alone ? value_of(operand.base, state) : FlowValue{};
  address.offset += operand.displacement;
  return address;
}

bool is_stack_guard(const Instruction& instruction) {
  return instruction.is_move_of(Source::memory) && instruction.memory->has_segment && instruction.memory->is_fixed() &&
         !instruction.memory->is_relative && instruction.memory->displacement == kStackGuardOffset;
}

}  // namespace

void CodeFlow::watch(uintptr_t pc, bool is_return_address) {
  watched_pc_ = pc;
  watches_call_ = is_return_address;
}

void CodeFlow::begin() {
  code_.clear();
  lowerings_.clear();
  watched_.reset();
  is_seeding_ = false;
  seeded_.clear();
  reached_.clear();
  states_.clear();
  pending_.clear();
  at_switch_.reset();
  at_call_.reset();
  exits_.clear();
  has_unknown_exit_ = false;
  is_complete_ = true;
  returns_.clear();
  steps_left_ = kMaxSteps;
}

void CodeFlow::follow_function(uintptr_t entry, Assumed assumed) {
  begin();
  assumed_ = assumed;
  if (!code_.add_procedure(entry)) code_.discover(entry);
  code_.begin_block(entry);
  reach(entry, entry_state());
  run();
  if (code_.has_table()) seed_unreached();
  note_unreached_exits();
}

void CodeFlow::follow_to_return(uintptr_t pc) {
  begin();
  if (code_.is_next_function(pc)) return;  // the previous call never returns
  code_.discover(pc);
  code_.begin_block(pc);
  reach(pc, entry_state());
  run();
}

void CodeFlow::run() {
  while (!pending_.empty()) {
    const uintptr_t start = pending_.back();
    pending_.pop_back();
    run_block(start);
  }
}

void CodeFlow::run_block(uintptr_t start) {
  FlowState state = states_.at(start);
  for (uintptr_t pc = start;;) {
    const Instruction* instruction = code_.instruction_at(pc);
    if (instruction == nullptr || steps_left_ == 0) {
      is_complete_ = false;
      return;
    }
    --steps_left_;
    reached_.insert(pc);
    note_watched(pc, *instruction, state);
    if (!step(pc, *instruction, state)) return;
    pc += instruction->length;
    if (!code_.has_table() && is_call(*instruction) && code_.is_next_function(pc)) return;
    if (!code_.is_inside(pc)) {
      // Hand-written code falls through from one function into the next; other code has called a function that never
      // returns.
      if (state.has_no_frame()) exits_.insert(pc);
      return;
    }
    if (code_.begins_block(pc)) return reach(pc, state);
  }
}

void CodeFlow::note_watched(uintptr_t pc, const Instruction& instruction, const FlowState& state) {
  if (is_call(instruction)) {
    bool changed = false;
    if (at_call_) {
      merge(0, *at_call_, state, changed);
    } else {
      at_call_ = state;
    }
  }
  if (watches_call_ ? is_call(instruction) && pc + instruction.length == watched_pc_ : pc == watched_pc_)
    watched_ = state;
}

// Computes the registers after an instruction; false if execution does not continue after it.
bool CodeFlow::step(uintptr_t pc, const Instruction& instruction, FlowState& state) {
  const FlowValue compared = std::exchange(compared_, {});
  const Operation operation = instruction.operation;
  if (is_direct_jump(instruction)) jump_to(instruction.target, state);
  if (operation == Operation::jump_indirect) jump_through_pointer(pc + instruction.length, instruction, state);
  if (operation == Operation::ret) note_return(state);
  if (ends_block(instruction)) return false;
  if (operation == Operation::branch) {
    // A loop that touches each page of a large frame (-fstack-clash-protection) ends when rsp has a certain value.
    if (compared.is_address() && instruction.condition == kNotEqual) state[EncodedRegister::rsp] = compared;
    return true;
  }
  // A call within the function pushes an address to jump to (retpolines).
  if (operation == Operation::call && code_.has_table() && code_.is_inside(instruction.target) &&
      instruction.target != code_.parts().front().start) {
    has_unknown_exit_ = true;
  }
  change(pc, instruction, state);
  return true;
}

void CodeFlow::note_return(const FlowState& state) {
  if (returns_.size() < kMaxReturns) returns_.push_back(state);
  // It jumps to an address that was pushed.
  if (code_.has_table() && state[EncodedRegister::rsp].base == kRsp && !state.has_no_frame()) has_unknown_exit_ = true;
}

void CodeFlow::change(uintptr_t pc, const Instruction& instruction, FlowState& state) {
  FlowValue& rsp = state[EncodedRegister::rsp];
  if (instruction.operation == Operation::compare) {
    if (instruction.reg == kRsp) compared_ = state.registers[static_cast<size_t>(instruction.rm)];
    if (instruction.rm == kRsp) compared_ = state.registers[static_cast<size_t>(instruction.reg)];
    return;
  }
  if (instruction.operation == Operation::leave) {
    const FlowValue rbp = state[EncodedRegister::rbp];
    state[EncodedRegister::rbp] = rbp.is_address() ? FlowValue{rbp.base, rbp.offset, true} : FlowValue{};
    rsp = rbp.is_address() ? FlowValue{rbp.base, rbp.offset + kWordSize, false} : restored_stack_pointer(pc, state);
    return;
  }
  if (instruction.operation == Operation::store) {
    if (!instruction.is_wide) return;
    const bool is_constant = instruction.source == Source::constant;
    return store(
        operand_address(pc, instruction, state),
        is_constant ? FlowValue{FlowValue::kConstant, instruction.constant, false} : value_of(instruction.rm, state),
        state);
  }
  const FlowValue result = result_of(pc, instruction, state);
  for (int number = 0; number < kGeneralRegisters; ++number) {
    if ((instruction.clobbers & register_bit(number)) != 0) state.registers[static_cast<size_t>(number)] = {};
  }
  if (instruction.operation == Operation::push) rsp.offset -= kWordSize;
  if (instruction.operation == Operation::pop) rsp.offset += kWordSize;
  if (instruction.reg != kNoRegister) state.registers[static_cast<size_t>(instruction.reg)] = result;
  if (!rsp.is_address()) rsp = restored_stack_pointer(pc, state);
}

// The value that the instruction puts into its `reg`. Only 64-bit operations are followed.
FlowValue CodeFlow::result_of(uintptr_t pc, const Instruction& instruction, const FlowState& state) {
  const Operation operation = instruction.operation;
  // 32 bits suffice for the addresses of a program that is not relocated.
  if (instruction.is_move_of(Source::constant)) {
    const int64_t constant = instruction.constant;
    return {FlowValue::kConstant,
            instruction.is_wide ? constant : static_cast<int64_t>(static_cast<uint32_t>(constant)), false};
  }
  if (!instruction.is_wide) return {};
  if (operation == Operation::pop) return {state[EncodedRegister::rsp].base, state[EncodedRegister::rsp].offset, true};
  if (operation == Operation::move) return moved(pc, instruction, state);
  if (operation == Operation::address) {
    const FlowValue address = operand_address(pc, instruction, state);
    return address.is_address() || address.base == FlowValue::kConstant ? address : FlowValue{};
  }
  const FlowValue before = value_of(instruction.reg, state);
  if (!before.is_address()) return {};
  const int64_t constant = instruction.constant;
  if (instruction.adds_constant()) return {before.base, before.offset + constant, false};
  if (operation == Operation::subtract && instruction.source == Source::reg) return lowerings_.lowered_at(pc, before);
  if (operation == Operation::bit_and && instruction.source == Source::constant && constant < 0)
    return lowerings_.lowered_at(pc, before, static_cast<uint64_t>(-(constant + 1)));
  return {};
}

FlowValue CodeFlow::moved(uintptr_t pc, const Instruction& instruction, const FlowState& state) {
  if (instruction.source == Source::reg) return value_of(instruction.rm, state);
  if (is_stack_guard(instruction)) return {FlowValue::kStackGuard, 0, false};
  const FlowValue from = instruction.source == Source::memory ? operand_address(pc, instruction, state) : FlowValue{};
  if (from.base == FlowValue::kConstant && !from.is_loaded) return {from.base, from.offset, true};
  return from.is_address() ? loaded(from, state) : FlowValue{};
}

// An argument or a constant that was saved on the stack across a call is still the same.
FlowValue CodeFlow::loaded(const FlowValue& address, const FlowState& state) {
  const auto kept = std::find_if(state.stores.begin(), state.stores.end(), [&address](const FlowStore& store) {
    return store.where == address && (store.what.is_argument() || store.what.base == FlowValue::kConstant);
  });
  return kept != state.stores.end() ? kept->what : FlowValue{address.base, address.offset, true};
}

void CodeFlow::store(const FlowValue& where, const FlowValue& what, FlowState& state) {
  if (!where.is_address()) return;
  std::erase_if(state.stores, [&](const FlowStore& old) {
    const int64_t apart = old.where.offset - where.offset;
    return old.where.base == where.base && apart > -kWordSize && apart < kWordSize;
  });
  const bool is_of_use = (what.is_address() && (what.base == kRsp || what.base >= FlowValue::kFirstLowering)) ||
                         (what.base == FlowValue::kConstant && !what.is_loaded) ||
                         what.base == FlowValue::kStackGuard || what.is_argument();
  if (is_of_use && state.stores.size() < kMaxStores) state.stores.push_back({where, what});
}

// The stack pointer was loaded with an unknown value: it is still below the frame pointer.
FlowValue CodeFlow::restored_stack_pointer(uintptr_t pc, const FlowState& state) {
  const FlowValue rbp = state[EncodedRegister::rbp];
  return lowerings_.lowered_at(pc, rbp.is_address() && rbp.base != kRbp ? rbp : FlowValue{kRsp, 0, false});
}

void CodeFlow::merge(uintptr_t pc, FlowState& into, const FlowState& from, bool& changed) {
  const size_t gone = std::erase_if(into.stores, [&from](const FlowStore& one) {
    return std::find(from.stores.begin(), from.stores.end(), one) == from.stores.end();
  });
  if (gone != 0) changed = true;
  for (size_t number = 0; number < into.registers.size(); ++number) {
    FlowValue& value = into.registers[number];
    if (value == from.registers[number]) continue;
    FlowValue merged;
    if (number == static_cast<size_t>(kRsp)) merged = lowerings_.merged_at(pc, value, from.registers[number]);
    if (merged == value) continue;
    value = merged;
    changed = true;
  }
}

void CodeFlow::reach(uintptr_t pc, const FlowState& state) {
  const auto [known, is_new] = states_.try_emplace(pc, state);
  bool changed = is_new;
  if (is_new && is_seeding_) seeded_.insert(pc);
  if (!is_new && (!is_seeding_ || seeded_.contains(pc))) {
    merge(pc, known->second, state, changed);
  } else if (!is_new && assumed_ == Assumed::counts) {
    FlowState same_stack = state;
    same_stack[EncodedRegister::rsp] = known->second[EncodedRegister::rsp];
    merge(pc, known->second, same_stack, changed);
  }
  if (changed) pending_.push_back(pc);
}

void CodeFlow::jump_to(uintptr_t target, const FlowState& state) {
  if (code_.is_inside(target)) return reach(target, state);
  if (!state.has_no_frame() && code_.has_table() && code_.add_procedure(target)) {
    code_.begin_block(target);  // a part of the function that is placed elsewhere
    return reach(target, state);
  }
  exits_.insert(target);
}

void CodeFlow::jump_through_pointer(uintptr_t next, const Instruction& instruction, const FlowState& state) {
  if (instruction.memory && instruction.memory->is_fixed() && instruction.memory->is_computable) {
    const uintptr_t from = instruction.memory->is_relative ? next : 0;
    const auto target = memory_.read_value<uintptr_t>(from + static_cast<uintptr_t>(instruction.memory->displacement));
    if (target && *target != 0) {
      exits_.insert(*target);
      return;
    }
  }
  if (state.has_no_frame() || state[EncodedRegister::rsp].base != kRsp) has_unknown_exit_ = true;
  if (!code_.has_table()) is_complete_ = false;
  bool changed = false;
  if (at_switch_) {
    merge(1, *at_switch_, state, changed);
  } else {
    at_switch_ = state;
  }
}

// Code that was not reached may still contain exits of any kind.
void CodeFlow::note_unreached_exits() {
  for (const auto& [pc, instruction] : code_.instructions()) {
    if (reached_.contains(pc)) continue;
    if (instruction.operation == Operation::jump_indirect) has_unknown_exit_ = true;
    if (is_direct_jump(instruction) && !code_.is_inside(instruction.target)) exits_.insert(instruction.target);
  }
}

// The assumed state of blocks that no jump was seen to lead to. They belong to a switch, or are landing pads of
// exceptions, which are reached from any call.
std::optional<FlowState> CodeFlow::seed() {
  if (!at_call_) return at_switch_;
  FlowState at_pad = *at_call_;
  for (size_t number = 0; number < at_pad.registers.size(); ++number) {
    if ((kCallerSavedRegisters >> number & 1) != 0) at_pad.registers[number] = {};
  }
  if (!at_switch_) return at_pad;
  constexpr uintptr_t kCallKey = 2;
  FlowState merged = *at_switch_;
  bool changed = false;
  merge(kCallKey, merged, at_pad, changed);
  return merged;
}

// Repeated until the calls in these blocks change nothing any more.
void CodeFlow::seed_unreached() {
  constexpr int kMaxRounds = 4;
  std::vector<uintptr_t> unreached;
  std::copy_if(code_.block_starts().begin(), code_.block_starts().end(), std::back_inserter(unreached),
               [this](uintptr_t pc) { return code_.is_inside(pc) && !states_.contains(pc); });
  is_seeding_ = true;
  for (int round = 0; round < kMaxRounds; ++round) {
    const std::optional<FlowState> state = seed();
    if (!state) return;
    for (const uintptr_t pc : unreached) {
      if (round == 0 && states_.contains(pc)) continue;
      reach(pc, *state);
      run();
    }
  }
}

}  // namespace holdwatch
