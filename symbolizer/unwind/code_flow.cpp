// Data flow over machine code, to find the stack pointer. See code_flow.h.
// Cold context only.
#include "symbolizer/unwind/code_flow.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace holdwatch {

namespace {

constexpr size_t kMaxSteps = 60000;         // instructions followed in one analysis
constexpr size_t kMaxInstructions = 20000;  // of one function with its parts
constexpr size_t kMaxParts = 4;
constexpr size_t kMaxReturns = 64;
constexpr size_t kMaxStores = 32;
constexpr int64_t kStackGuardOffset = 0x28;  // from fs: glibc's tcbhead_t::stack_guard
constexpr int kFirstLowering = 16;
constexpr int kLongestAncestry = 32;
constexpr int64_t kWordSize = 8;

constexpr int kRsp = static_cast<int>(EncodedRegister::rsp);
constexpr int kRbp = static_cast<int>(EncodedRegister::rbp);
constexpr uint8_t kNotEqual = 5;  // the condition of jne

FlowState entry_state() {
  FlowState state;
  for (int number = 0; number < 16; ++number) state.registers[static_cast<size_t>(number)] = {number, 0, false};
  return state;
}

// Code after a breakpoint is not followed: compilers use it as padding.
bool ends_block(const Instruction& instruction) {
  return ends_path(instruction) || instruction.operation == Operation::breakpoint;
}

bool is_padding(const Instruction& instruction) {
  return instruction.operation == Operation::nop || instruction.operation == Operation::stop ||
         instruction.operation == Operation::breakpoint;
}

// A register's value; unknown for what is no general register.
FlowValue value_of(int number, const FlowState& state) {
  return number >= 0 && number < kGeneralRegisters ? state.registers[static_cast<size_t>(number)] : FlowValue{};
}

// The address of the instruction's memory operand.
FlowValue operand_address(const Instruction& instruction, const FlowState& state) {
  if (!instruction.memory) return {};
  const MemoryOperand& operand = *instruction.memory;
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
  watched_.reset();
  ranges_.clear();
  is_seeding_ = false;
  seeded_.clear();
  code_.clear();
  leaders_.clear();
  reached_.clear();
  states_.clear();
  pending_.clear();
  lowering_keys_.clear();
  lowerings_.clear();
  at_switch_.reset();
  at_call_.reset();
  exits_.clear();
  has_unknown_exit_ = false;
  is_complete_ = true;
  returns_.clear();
  steps_left_ = kMaxSteps;
}

void CodeFlow::follow_function(uintptr_t entry) {
  begin();
  if (!add_procedure(entry)) discover(entry);
  leaders_.insert(entry);
  reach(entry, entry_state());
  run();
  if (!ranges_.empty()) seed_unreached();
  note_unreached_exits();
}

void CodeFlow::follow_to_return(uintptr_t pc) {
  begin();
  if (is_next_function(pc)) return;  // the previous call never returns
  discover(pc);
  leaders_.insert(pc);
  reach(pc, entry_state());
  run();
}

std::optional<Instruction> decode_at(MemoryReader& memory, uintptr_t pc) {
  unsigned char bytes[kMaxInstruction];
  size_t size = sizeof bytes;
  while (size != 0 && memory.read_constant(pc, bytes, size) != size) --size;  // the last one in a mapping
  return decode(bytes, size, pc);
}

const Instruction* CodeFlow::instruction_at(uintptr_t pc) {
  const auto known = code_.find(pc);
  if (known != code_.end()) return &known->second;
  if (code_.size() == kMaxInstructions) return nullptr;
  const std::optional<Instruction> instruction = decode_at(memory_, pc);
  if (!instruction) return nullptr;
  return &code_.emplace(pc, *instruction).first->second;
}

bool CodeFlow::is_inside(uintptr_t pc) const {
  if (ranges_.empty()) return code_.contains(pc);
  return std::any_of(ranges_.begin(), ranges_.end(), [pc](const Procedure& range) { return range.contains(pc); });
}

// Adds the code that contains `pc`, according to the tables, to the function.
bool CodeFlow::add_procedure(uintptr_t pc) {
  const Module* module = modules_.find(pc);
  if (module == nullptr || ranges_.size() == kMaxParts) return false;
  const std::optional<Procedure> procedure = find_procedure(*module, memory_, pc);
  if (!procedure) return false;
  ranges_.push_back(*procedure);
  sweep(*procedure);
  return true;
}

// Finds all instructions of a part and where its blocks begin. On this processor, compilers put only code there.
void CodeFlow::sweep(const Procedure& range) {
  bool is_after_end = false;
  for (uintptr_t pc = range.start; pc < range.end;) {
    const Instruction* instruction = instruction_at(pc);
    if (instruction == nullptr) {
      is_complete_ = false;
      return;
    }
    if (is_after_end && !is_padding(*instruction)) leaders_.insert(pc);
    is_after_end = ends_block(*instruction) || (is_after_end && is_padding(*instruction));
    if (is_direct_jump(*instruction)) leaders_.insert(instruction->target);
    pc += instruction->length;
  }
}

// The same if no table shows the extent: everything that jumps lead to, as long as no table describes it.
void CodeFlow::discover(uintptr_t entry) {
  std::vector<uintptr_t> starts = {entry};
  while (!starts.empty()) {
    uintptr_t pc = starts.back();
    starts.pop_back();
    while (!code_.contains(pc)) {
      const Instruction* instruction = instruction_at(pc);
      if (instruction == nullptr) {
        is_complete_ = false;
        break;
      }
      if (is_direct_jump(*instruction)) {
        leaders_.insert(instruction->target);
        const Module* module = modules_.find(instruction->target);
        if (module != nullptr && !find_procedure(*module, memory_, instruction->target)) {
          starts.push_back(instruction->target);
        }
      }
      if (ends_block(*instruction)) break;
      pc += instruction->length;
      if (is_call(*instruction) && is_next_function(pc)) break;
    }
  }
}

// Without tables: whether the code after a call is the next function, because this one ends in a call that never
// returns (such as __stack_chk_fail). It is if there is padding up to the alignment of functions, or a typical
// beginning of a function.
bool CodeFlow::is_next_function(uintptr_t pc) const {
  constexpr uintptr_t kAlignment = 16;
  constexpr uint32_t kLandingMark = 0xfa1e0ff3;         // endbr64
  constexpr uint32_t kFramePointerIsMade = 0xe5894855;  // push %rbp; mov %rsp,%rbp
  const auto bytes = memory_.read_constant_value<uint32_t>(pc);
  if (bytes == kLandingMark || bytes == kFramePointerIsMade) return true;
  std::optional<Instruction> instruction = decode_at(memory_, pc);
  if (pc % kAlignment == 0 && instruction) {
    const bool makes_room =
        instruction->adds_constant() && instruction->is_wide && instruction->reg == kRsp && instruction->constant < 0;
    return makes_room || (instruction->operation == Operation::push && instruction->source == Source::reg);
  }
  const uintptr_t start = pc;
  while (instruction && instruction->operation == Operation::nop && pc - start < kAlignment) {
    pc += instruction->length;
    instruction = decode_at(memory_, pc);
  }
  return pc != start && pc % kAlignment == 0;
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
    const Instruction* instruction = instruction_at(pc);
    if (instruction == nullptr || steps_left_ == 0) {
      is_complete_ = false;
      return;
    }
    --steps_left_;
    reached_.insert(pc);
    note_watched(pc, *instruction, state);
    if (!step(pc, *instruction, state)) return;
    pc += instruction->length;
    if (ranges_.empty() && is_call(*instruction) && is_next_function(pc)) return;
    if (!is_inside(pc)) {
      // Hand-written code falls through from one function into the next; other code has called a function that never
      // returns.
      if (state.has_no_frame()) exits_.insert(pc);
      return;
    }
    if (leaders_.contains(pc)) return reach(pc, state);
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
  if (operation == Operation::call && !ranges_.empty() && is_inside(instruction.target) &&
      instruction.target != ranges_.front().start) {
    has_unknown_exit_ = true;
  }
  change(pc, instruction, state);
  return true;
}

void CodeFlow::note_return(const FlowState& state) {
  if (returns_.size() < kMaxReturns) returns_.push_back(state);
  // It jumps to an address that was pushed.
  if (!ranges_.empty() && state[EncodedRegister::rsp].base == kRsp && !state.has_no_frame()) has_unknown_exit_ = true;
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
        operand_address(instruction, state),
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
  if (!instruction.is_wide) return {};
  if (operation == Operation::pop) return {state[EncodedRegister::rsp].base, state[EncodedRegister::rsp].offset, true};
  if (operation == Operation::move) return moved(instruction, state);
  if (operation == Operation::address) {
    const FlowValue address = operand_address(instruction, state);
    return address.is_address() ? address : FlowValue{};
  }
  const FlowValue before = value_of(instruction.reg, state);
  if (!before.is_address()) return {};
  const int64_t constant = instruction.constant;
  if (instruction.adds_constant()) return {before.base, before.offset + constant, false};
  if (operation == Operation::subtract && instruction.source == Source::reg)
    return lowered(2 * pc, before, 0, UINT64_MAX);
  if (operation == Operation::bit_and && instruction.source == Source::constant && constant < 0)
    return lowered(2 * pc, before, 0, static_cast<uint64_t>(-(constant + 1)));
  return {};
}

FlowValue CodeFlow::moved(const Instruction& instruction, const FlowState& state) {
  if (instruction.source == Source::reg) return value_of(instruction.rm, state);
  if (is_stack_guard(instruction)) return {FlowValue::kStackGuard, 0, false};
  const FlowValue from = instruction.source == Source::memory ? operand_address(instruction, state) : FlowValue{};
  return from.is_address() ? loaded(from, state) : FlowValue{};
}

// An argument that was saved on the stack across a call is still that argument.
FlowValue CodeFlow::loaded(const FlowValue& address, const FlowState& state) {
  const auto kept = std::find_if(state.stores.begin(), state.stores.end(), [&address](const FlowStore& store) {
    return store.where == address && store.what.is_argument();
  });
  return kept != state.stores.end() ? kept->what : FlowValue{address.base, address.offset, true};
}

void CodeFlow::store(const FlowValue& where, const FlowValue& what, FlowState& state) {
  if (!where.is_address()) return;
  std::erase_if(state.stores, [&](const FlowStore& old) {
    const int64_t apart = old.where.offset - where.offset;
    return old.where.base == where.base && apart > -kWordSize && apart < kWordSize;
  });
  const bool is_of_use = (what.is_address() && (what.base == kRsp || what.base >= kFirstLowering)) ||
                         what.base == FlowValue::kConstant || what.base == FlowValue::kStackGuard || what.is_argument();
  if (is_of_use && state.stores.size() < kMaxStores) state.stores.push_back({where, what});
}

// The stack pointer was loaded with an unknown value: it is still below the frame pointer.
FlowValue CodeFlow::restored_stack_pointer(uintptr_t pc, const FlowState& state) {
  const FlowValue rbp = state[EncodedRegister::rbp];
  return lowered(2 * pc, rbp.is_address() && rbp.base != kRbp ? rbp : FlowValue{kRsp, 0, false}, 0, UINT64_MAX);
}

FlowValue CodeFlow::lowered(uint64_t key, const FlowValue& from, uint64_t least, uint64_t most) {
  const auto [known, is_new] = lowering_keys_.try_emplace(key, kFirstLowering + static_cast<int>(lowerings_.size()));
  if (is_new) lowerings_.push_back({});
  // A later visit to the same instruction knows less: its result is the one that holds for all.
  if (from.base != known->second) lowerings_[static_cast<size_t>(known->second - kFirstLowering)] = {from, least, most};
  return {known->second, 0, false};
}

const CodeFlow::Lowering* CodeFlow::lowering_of(const FlowValue& value) const {
  return value.base >= kFirstLowering ? &lowerings_[static_cast<size_t>(value.base - kFirstLowering)] : nullptr;
}

std::optional<Distance> CodeFlow::distance(FlowValue lower, const FlowValue& upper) const {
  if (!lower.is_address() || !upper.is_address()) return std::nullopt;
  Distance between;
  for (int generation = 0; generation < kLongestAncestry; ++generation) {
    if (lower.base == upper.base) {
      const int64_t apart = upper.offset - lower.offset;
      const bool is_bounded = between.most != UINT64_MAX;
      if (apart < 0 && static_cast<uint64_t>(-apart) > between.least) {
        return Distance{0, is_bounded ? between.most + static_cast<uint64_t>(apart) : UINT64_MAX};
      }
      return Distance{between.least + static_cast<uint64_t>(apart),
                      is_bounded ? between.most + static_cast<uint64_t>(apart) : UINT64_MAX};
    }
    const Lowering* lowering = lowering_of(lower);
    if (lowering == nullptr) return std::nullopt;
    between.least += lowering->least;
    between.most =
        lowering->most == UINT64_MAX || between.most == UINT64_MAX ? UINT64_MAX : between.most + lowering->most;
    lower = {lowering->from.base, lowering->from.offset + lower.offset, false};
  }
  return std::nullopt;
}

// Paths meet here with different stack pointers: the result is somewhere below what they have in common.
FlowValue CodeFlow::merged_stack_pointer(uintptr_t pc, const FlowValue& one, const FlowValue& other) {
  const uint64_t key = 2 * pc + 1;
  const auto known = lowering_keys_.find(key);
  const int own = known == lowering_keys_.end() ? FlowValue::kUnknown : known->second;
  FlowValue common = one;
  for (int generation = 0; generation < kLongestAncestry; ++generation) {
    const std::optional<Distance> from_one = distance(one, {common.base, 0, false});
    const std::optional<Distance> from_other = distance(other, {common.base, 0, false});
    if (common.base != own && from_one && from_other) {
      return lowered(key, {common.base, 0, false}, std::min(from_one->least, from_other->least), UINT64_MAX);
    }
    const Lowering* lowering = lowering_of(common);
    if (lowering == nullptr) break;
    common = lowering->from;
  }
  return lowered(key, {kRsp, 0, false}, 0, UINT64_MAX);
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
    if (number == static_cast<size_t>(kRsp)) merged = merged_stack_pointer(pc, value, from.registers[number]);
    if (merged == value) continue;
    value = merged;
    changed = true;
  }
}

void CodeFlow::reach(uintptr_t pc, const FlowState& state) {
  const auto [known, is_new] = states_.try_emplace(pc, state);
  bool changed = is_new;
  if (is_new && is_seeding_) seeded_.insert(pc);
  // An assumption about a block that nothing was seen to lead to must not weaken what is known of other blocks.
  if (!is_new && (!is_seeding_ || seeded_.contains(pc))) merge(pc, known->second, state, changed);
  if (changed) pending_.push_back(pc);
}

void CodeFlow::jump_to(uintptr_t target, const FlowState& state) {
  if (is_inside(target)) return reach(target, state);
  if (!state.has_no_frame() && !ranges_.empty() && add_procedure(target)) {
    leaders_.insert(target);  // a part of the function that is placed elsewhere
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
  if (ranges_.empty()) is_complete_ = false;
  bool changed = false;
  if (at_switch_) {
    merge(1, *at_switch_, state, changed);
  } else {
    at_switch_ = state;
  }
}

// Code that was not reached may still contain exits of any kind.
void CodeFlow::note_unreached_exits() {
  for (const auto& [pc, instruction] : code_) {
    if (reached_.contains(pc)) continue;
    if (instruction.operation == Operation::jump_indirect) has_unknown_exit_ = true;
    if (is_direct_jump(instruction) && !is_inside(instruction.target)) exits_.insert(instruction.target);
  }
}

// The assumed state of blocks that no jump was seen to lead to. They belong to a switch, or are landing pads of
// exceptions, which are reached from any call.
std::optional<FlowState> CodeFlow::seed() {
  if (!at_switch_ || !at_call_) return at_switch_ ? at_switch_ : at_call_;
  constexpr uintptr_t kCallKey = 2;
  FlowState merged = *at_switch_;
  bool changed = false;
  merge(kCallKey, merged, *at_call_, changed);
  return merged;
}

// Repeated until the calls in these blocks change nothing any more.
void CodeFlow::seed_unreached() {
  constexpr int kMaxRounds = 4;
  std::vector<uintptr_t> unreached;
  std::copy_if(leaders_.begin(), leaders_.end(), std::back_inserter(unreached),
               [this](uintptr_t pc) { return is_inside(pc) && !states_.contains(pc); });
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
