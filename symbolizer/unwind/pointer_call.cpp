// Follows registers up to a call through a pointer. See pointer_call.h.
// Cold context only.
#include "symbolizer/unwind/pointer_call.h"

#include <algorithm>
#include <array>

#include "symbolizer/unwind/code_flow.h"
#include "symbolizer/unwind/tableless_step.h"

namespace holdwatch {

namespace {

constexpr uintptr_t kMaxProcedure = 65536;  // bytes
constexpr size_t kMaxWindow = 256;          // instructions
constexpr size_t kMaxWindows = 1024;        // cached
constexpr int kStackPointer = static_cast<int>(EncodedRegister::rsp);
constexpr size_t kMaxFollowed = 256;  // instructions on all paths from a call to the function that it reaches by jumps
constexpr uintptr_t kWordSize = sizeof(uintptr_t);

bool goes_on(const Instruction& instruction) {
  const Operation operation = instruction.operation;
  return operation != Operation::jump && operation != Operation::jump_indirect && operation != Operation::ret &&
         operation != Operation::stop;
}

bool jumps(const Instruction& instruction) {
  return instruction.operation == Operation::jump || instruction.operation == Operation::branch;
}

bool writes(const Instruction& instruction, int which) {
  if ((instruction.clobbers >> which & 1) != 0) return true;
  if (instruction.operation == Operation::leave)
    return which == kStackPointer || which == static_cast<int>(EncodedRegister::rbp);
  if (instruction.operation == Operation::compare) return false;
  const bool moves_stack = instruction.operation == Operation::push || instruction.operation == Operation::pop;
  return instruction.reg == which || (moves_stack && which == kStackPointer);
}

// The stack pointer before an instruction, from the one after it.
std::optional<uintptr_t> stack_pointer_before(const Instruction& instruction, std::optional<uintptr_t> after) {
  if (!after || !writes(instruction, kStackPointer)) return after;
  if (instruction.operation == Operation::push) return *after + kWordSize;
  if (instruction.operation == Operation::pop && instruction.reg != kStackPointer) return *after - kWordSize;
  if (instruction.operation == Operation::add_constant) return *after - static_cast<uintptr_t>(instruction.constant);
  return std::nullopt;
}

// Register values while following a window.
class Values {
 public:
  Values(MemoryReader& memory, const KnownRegisters& values) : memory_(memory), values_(values) {}

  const KnownRegisters& all() const { return values_; }

  void set(int which, std::optional<uintptr_t> value) { values_[static_cast<size_t>(which)] = value; }

  std::optional<uintptr_t> of(int which) const {
    return which >= 0 && which < static_cast<int>(values_.size()) ? values_[static_cast<size_t>(which)] : std::nullopt;
  }

  // The address of the instruction's memory operand.
  std::optional<uintptr_t> address(const Instruction& instruction, uintptr_t next) const {
    if (instruction.has_segment) return std::nullopt;
    uintptr_t address = static_cast<uintptr_t>(instruction.displacement);
    if (instruction.base == Instruction::kRipRelative) {
      address += next;
    } else if (instruction.base != Instruction::kNone) {
      const auto base = of(instruction.base);
      if (!base) return std::nullopt;
      address += *base;
    }
    if (instruction.index != Instruction::kNone) {
      const auto index = of(instruction.index);
      if (!index) return std::nullopt;
      address += *index * instruction.scale;
    }
    return address;
  }

  std::optional<uintptr_t> loaded(const Instruction& instruction, uintptr_t next) const {
    const auto from = address(instruction, next);
    return from ? memory_.read_value<uintptr_t>(*from) : std::nullopt;
  }

  void run(const Instruction& instruction, uintptr_t next) {
    const std::optional<uintptr_t> result = result_of(instruction, next);
    for (int which = 0; which < static_cast<int>(values_.size()); ++which) {
      if (writes(instruction, which)) set(which, std::nullopt);
    }
    if (instruction.reg >= 0 && instruction.operation != Operation::compare) set(instruction.reg, result);
  }

 private:
  static std::optional<uintptr_t> low_half(std::optional<uintptr_t> value) {
    return value ? std::optional<uintptr_t>(static_cast<uint32_t>(*value)) : std::nullopt;
  }
  static std::optional<uintptr_t> with_sign(std::optional<uintptr_t> value) {
    return value ? std::optional(static_cast<uintptr_t>(intptr_t{static_cast<int32_t>(*value)})) : std::nullopt;
  }
  std::optional<uintptr_t> loaded_low(const Instruction& instruction, uintptr_t next) const {
    const auto from = address(instruction, next);
    const auto value = from ? memory_.read_value<uint32_t>(*from) : std::nullopt;
    return value ? std::optional<uintptr_t>(*value) : std::nullopt;
  }
  std::optional<uintptr_t> result_of(const Instruction& instruction, uintptr_t next) const {
    const auto before = of(instruction.reg), other = of(instruction.rm);
    const auto constant = static_cast<uintptr_t>(instruction.constant);
    const Operation operation = instruction.operation;
    if (operation == Operation::move) return other;
    if (operation == Operation::load) return loaded(instruction, next);
    if (operation == Operation::load_constant) return constant;
    if (operation == Operation::address) return address(instruction, next);
    if (operation == Operation::move_low) return low_half(other);
    if (operation == Operation::load_low) return low_half(loaded_low(instruction, next));
    if (operation == Operation::address_low) return low_half(address(instruction, next));
    if (operation == Operation::extend) return with_sign(instruction.rm >= 0 ? other : loaded_low(instruction, next));
    if (operation == Operation::pop) {
      const auto top = of(kStackPointer);
      return top ? memory_.read_value<uintptr_t>(*top) : std::nullopt;
    }
    if (!before) return std::nullopt;
    if (operation == Operation::add_constant) return *before + constant;
    if (operation == Operation::add_constant_low) return low_half(*before + constant);
    if (operation == Operation::shift_left) return *before << (constant & 63);
    if (operation == Operation::align) return *before & constant;
    if (!other) return std::nullopt;
    if (operation == Operation::add_register) return *before + *other;
    if (operation == Operation::sub_register) return *before - *other;
    return std::nullopt;
  }

  MemoryReader& memory_;
  KnownRegisters values_;
};

}  // namespace

const PointerCalls::Window& PointerCalls::window_before(const Procedure& procedure, uintptr_t return_address) {
  const auto known = windows_.find(return_address);
  if (known != windows_.end()) return known->second;
  if (windows_.size() == kMaxWindows) windows_.clear();
  return windows_.emplace(return_address, find_window(procedure, return_address)).first->second;
}

// Goes back from the call, over branches that were not taken and along a jump that is the only path to its target.
PointerCalls::Window PointerCalls::find_window(const Procedure& procedure, uintptr_t return_address) {
  if (procedure.end - procedure.start > kMaxProcedure) return {};
  std::vector<Placed> code;
  std::multimap<uintptr_t, size_t> jumps_to;
  std::optional<size_t> at;
  for (uintptr_t pc = procedure.start; pc < procedure.end;) {
    const std::optional<Instruction> instruction = decode_at(memory_, pc);
    if (!instruction) return {};
    pc += instruction->length;
    if (jumps(*instruction)) jumps_to.emplace(instruction->target, code.size());
    if (pc == return_address) at = code.size();
    code.push_back({pc, *instruction});
  }
  if (!at) return {};
  Window window;
  for (size_t index = *at; window.size() < kMaxWindow;) {
    window.push_back(code[index]);
    const auto [first, last] = jumps_to.equal_range(code[index].next - code[index].instruction.length);
    const bool is_fallen_into = index != 0 && goes_on(code[index - 1].instruction);
    const auto ways = std::distance(first, last) + (is_fallen_into ? 1 : 0);
    if (ways != 1) break;
    index = is_fallen_into ? index - 1 : first->second;
  }
  std::reverse(window.begin(), window.end());
  return window;
}

uintptr_t PointerCalls::followed_from(const Procedure& procedure, const RegisterSet& frame) {
  const Window& window = window_before(procedure, frame[kRip]);
  return window.empty() ? 0 : window.front().next - window.front().instruction.length;
}

KnownRegisters PointerCalls::at_call(const Procedure& procedure, const RegisterSet& frame,
                                     const KnownRegisters& at_start) {
  const Window& window = window_before(procedure, frame[kRip]);
  std::vector<std::optional<uintptr_t>> stack_pointers(window.size());
  std::optional<uintptr_t> stack_pointer;
  if (frame.knows(kRsp)) stack_pointer = frame[kRsp];
  for (size_t index = window.size(); index-- != 0;) {
    if (index + 1 != window.size()) stack_pointer = stack_pointer_before(window[index].instruction, stack_pointer);
    stack_pointers[index] = stack_pointer;
  }
  Values values(memory_, at_start);
  for (size_t index = 0; index < window.size(); ++index) {
    // A register that is not written again before the call has the value that it has in the frame.
    for (const auto& [which, encoded] : kPreservedRegisters) {
      const int number = static_cast<int>(encoded);
      const bool is_final = std::none_of(window.begin() + static_cast<std::ptrdiff_t>(index), window.end(),
                                         [number](const Placed& placed) { return writes(placed.instruction, number); });
      if (is_final && frame.knows(which)) values.set(number, frame[which]);
    }
    values.set(kStackPointer, stack_pointers[index]);
    if (index + 1 != window.size()) values.run(window[index].instruction, window[index].next);
  }
  return values.all();
}

std::optional<uintptr_t> PointerCalls::target(const Procedure& procedure, const RegisterSet& frame,
                                              const KnownRegisters& at_call) {
  const Window& window = window_before(procedure, frame[kRip]);
  if (window.empty() || window.back().instruction.operation != Operation::call_indirect) return std::nullopt;
  const Values values(memory_, at_call);
  const Placed& call = window.back();
  return call.instruction.rm >= 0 ? values.of(call.instruction.rm) : values.loaded(call.instruction, call.next);
}

std::optional<KnownRegisters> PointerCalls::follow(uintptr_t start, uintptr_t end, const KnownRegisters& at_start) {
  size_t steps_left = kMaxFollowed;
  return follow(start, end, at_start, steps_left);
}

std::optional<KnownRegisters> PointerCalls::follow(uintptr_t start, uintptr_t end, const KnownRegisters& at_start,
                                                   size_t& steps_left) {
  Values values(memory_, at_start);
  for (uintptr_t pc = start; pc != end;) {
    const std::optional<Instruction> instruction = decode_at(memory_, pc);
    if (!instruction || steps_left == 0) return std::nullopt;
    --steps_left;
    const uintptr_t next = pc + instruction->length;
    const Operation operation = instruction->operation;
    std::optional<uintptr_t> then = next;
    if (operation == Operation::ret || operation == Operation::stop) return std::nullopt;
    if (operation == Operation::jump) then = instruction->target;
    if (operation == Operation::jump_indirect) {
      then = instruction->rm >= 0 ? values.of(instruction->rm) : values.loaded(*instruction, next);
    }
    if (!then) return std::nullopt;
    if (operation == Operation::branch) {
      if (const auto found = follow(instruction->target, end, values.all(), steps_left)) return found;
    }
    values.run(*instruction, next);
    pc = *then;
  }
  return values.all();
}

}  // namespace holdwatch
