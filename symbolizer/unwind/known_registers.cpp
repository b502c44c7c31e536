// See known_registers.h.
#include "symbolizer/unwind/known_registers.h"

namespace holdwatch {

namespace {

using Value = std::optional<uint64_t>;

constexpr auto kRsp = static_cast<size_t>(EncodedRegister::rsp);
constexpr auto kRbp = static_cast<size_t>(EncodedRegister::rbp);
constexpr uint64_t kWordSize = 8;

size_t source_size(const Instruction& instruction) {
  if (instruction.operation == Operation::zero_extend) return instruction.source_size;
  if (instruction.operation == Operation::sign_extend) return 4;
  return instruction.is_wide ? 8 : 4;
}

uint64_t low_bytes(uint64_t value, size_t size) {
  return size == 8 ? value : value & ((uint64_t{1} << (8 * size)) - 1);
}

Value computed(Operation operation, uint64_t left, uint64_t right) {
  if (operation == Operation::add) return left + right;
  if (operation == Operation::subtract) return left - right;
  if (operation == Operation::bit_or) return left | right;
  if (operation == Operation::bit_and) return left & right;
  if (operation == Operation::bit_xor) return left ^ right;
  if (operation == Operation::shift_left) return left << right;
  if (operation == Operation::shift_right) return left >> right;
  return std::nullopt;
}

// The value that the instruction puts into `reg`, except for pop.
Value result_of(const Instruction& instruction, const KnownRegisters& registers, uintptr_t next, MemoryReader& memory) {
  const Operation operation = instruction.operation;
  if (operation == Operation::other) return std::nullopt;
  if (operation == Operation::address) return address_of(*instruction.memory, registers, next);
  const Value source = source_of(instruction, registers, next, memory);
  if (!source || operation == Operation::move || operation == Operation::zero_extend) return source;
  if (operation == Operation::sign_extend) return static_cast<uint64_t>(static_cast<int32_t>(*source));
  const Value& before = registers[static_cast<size_t>(instruction.reg)];
  return before ? computed(operation, low_bytes(*before, instruction.is_wide ? 8 : 4), *source) : std::nullopt;
}

Value top_of_stack(const KnownRegisters& registers, MemoryReader& memory) {
  return registers[kRsp] ? memory.read_value<uint64_t>(*registers[kRsp]) : std::nullopt;
}

void pop_to(int to, MemoryReader& memory, KnownRegisters& registers) {
  const Value value = top_of_stack(registers, memory);
  if (registers[kRsp]) *registers[kRsp] += kWordSize;
  if (to != kNoRegister) registers[static_cast<size_t>(to)] = value;
}

}  // namespace

std::optional<uintptr_t> address_of(const MemoryOperand& operand, const KnownRegisters& registers, uintptr_t next) {
  if (!operand.is_computable) return std::nullopt;
  auto address = static_cast<uintptr_t>(operand.displacement);
  if (operand.is_relative) address += next;
  if (operand.base != kNoRegister) {
    const Value& base = registers[static_cast<size_t>(operand.base)];
    if (!base) return std::nullopt;
    address += *base;
  }
  if (operand.index == kNoRegister) return address;
  const Value& index = registers[static_cast<size_t>(operand.index)];
  if (!index) return std::nullopt;
  return address + *index * operand.scale;
}

std::optional<uint64_t> source_of(const Instruction& instruction, const KnownRegisters& registers, uintptr_t next,
                                  MemoryReader& memory) {
  const size_t size = source_size(instruction);
  switch (instruction.source) {
    case Source::unknown:
      return std::nullopt;
    case Source::constant:
      return low_bytes(static_cast<uint64_t>(instruction.constant), size);
    case Source::reg: {
      const Value& value = registers[static_cast<size_t>(instruction.rm)];
      return value ? Value(low_bytes(*value, size)) : std::nullopt;
    }
    case Source::memory: {
      const auto address = address_of(*instruction.memory, registers, next);
      uint64_t value = 0;
      return address && memory.read(*address, &value, size) == size ? Value(value) : std::nullopt;
    }
  }
  return std::nullopt;
}

void follow_instruction(const Instruction& instruction, uintptr_t next, MemoryReader& memory,
                        KnownRegisters& registers) {
  const Operation operation = instruction.operation;
  if (operation == Operation::push) {
    if (registers[kRsp]) *registers[kRsp] -= kWordSize;
    return;
  }
  if (operation == Operation::pop) return pop_to(instruction.reg, memory, registers);
  if (operation == Operation::leave) {
    registers[kRsp] = registers[kRbp];
    return pop_to(static_cast<int>(kRbp), memory, registers);
  }
  const bool has_result = instruction.reg != kNoRegister && operation != Operation::compare;
  const Value result = has_result ? result_of(instruction, registers, next, memory) : std::nullopt;
  for (int number = 0; number < kGeneralRegisters; ++number)
    if ((changed_registers(instruction) & register_bit(number)) != 0) registers[static_cast<size_t>(number)].reset();
  if (result) registers[static_cast<size_t>(instruction.reg)] = low_bytes(*result, instruction.is_wide ? 8 : 4);
}

}  // namespace holdwatch
