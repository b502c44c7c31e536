// What each instruction does: Intel SDM, volume 2. See machine.h.
#include "symbolizer/guards/machine.h"

#include <algorithm>

namespace holdwatch {
namespace {

constexpr size_t kWord = sizeof(uint64_t);
constexpr uint64_t kMaxRepeated = 1u << 16;  // bytes that one instruction writes

constexpr uint64_t mask_of(size_t size) {
  return size >= kWord ? UINT64_MAX : (uint64_t{1} << (8 * size)) - 1;
}

constexpr bool is_negative(uint64_t value, size_t size) {
  return (value >> (8 * size - 1) & 1) != 0;
}

constexpr uint64_t sign_extended(uint64_t value, size_t size) {
  return is_negative(value, size) ? value | ~mask_of(size) : value & mask_of(size);
}

Known low_part(Known value, size_t size) {
  return value ? Known(*value & mask_of(size)) : std::nullopt;
}

std::optional<bool> either(std::optional<bool> a, std::optional<bool> b) {
  if (a == true || b == true) return true;
  return a && b ? std::optional(false) : std::nullopt;
}

std::optional<bool> differ(std::optional<bool> a, std::optional<bool> b) {
  return a && b ? std::optional(*a != *b) : std::nullopt;
}

}  // namespace

void WrittenMemory::write(uintptr_t address, size_t size, Known value) {
  for (size_t i = 0; i < size; ++i) {
    const uintptr_t at = address + i;
    const unsigned shift = 8 * (at % kWord);
    Word& word = words_[at - at % kWord];
    const uint64_t byte = uint64_t{0xff} << shift;
    word.written |= byte;
    word.known = value ? word.known | byte : word.known & ~byte;
    word.value = (word.value & ~byte) | (value && i < kWord ? (*value >> (8 * i) & 0xff) << shift : 0);
  }
}

void WrittenMemory::forget() {
  words_.clear();
  others_are_known_ = false;
}

Known WrittenMemory::read(uintptr_t address, size_t size, MemoryReader& memory) const {
  if (size > kWord) return std::nullopt;
  uint64_t value = 0;
  size_t missing = size;
  std::array<bool, kWord> is_written{};
  for (size_t i = 0; i < size; ++i) {
    const uintptr_t at = address + i;
    const auto word = words_.find(at - at % kWord);
    const unsigned shift = 8 * (at % kWord);
    if (word == words_.end() || (word->second.written >> shift & 0xff) == 0) continue;
    if ((word->second.known >> shift & 0xff) == 0) return std::nullopt;
    value |= (word->second.value >> shift & 0xff) << (8 * i);
    is_written[i] = true;
    --missing;
  }
  if (missing == 0) return value;
  if (!others_are_known_) return std::nullopt;
  std::array<uint8_t, kWord> bytes;
  if (memory.read(address, bytes.data(), size) != size) return std::nullopt;
  for (size_t i = 0; i < size; ++i) {
    if (!is_written[i]) value |= uint64_t{bytes[i]} << (8 * i);
  }
  return value;
}

void Machine::forget_caller_saved() {
  for (size_t number = 0; number < registers_.size(); ++number) {
    if ((kCallerSavedRegisters >> number & 1) != 0) registers_[number].reset();
  }
  vectors_.fill({});
  flags_ = {};
}

void Machine::forget_arguments() {
  constexpr size_t kWords = 8;                      // of an object: a guard has two or three
  constexpr uint64_t kHighest = uint64_t{1} << 20;  // above the stack pointer; other addresses are not on the stack
  const Known top = get(EncodedRegister::rsp);
  for (const EncodedRegister which : {EncodedRegister::rdi, EncodedRegister::rsi, EncodedRegister::rdx}) {
    const Known address = get(which);
    if (!top || !address || *address < *top || *address - *top > kHighest) continue;
    for (size_t i = 0; i < kWords; ++i) written_.write(*address + i * kWord, kWord, std::nullopt);
  }
}

void Machine::push(Known value) {
  const Known top = get(EncodedRegister::rsp);
  if (!top) return;
  set(EncodedRegister::rsp, *top - kWord);
  written_.write(*top - kWord, kWord, value);
}

Known Machine::pop() {
  const Known top = get(EncodedRegister::rsp);
  if (!top) return std::nullopt;
  set(EncodedRegister::rsp, *top + kWord);
  return written_.read(*top, kWord, *memory_);
}

Known Machine::address_of(const Operand& operand, uintptr_t next) const {
  uint64_t address = static_cast<uint64_t>(operand.displacement) + (operand.is_relative ? next : 0);
  if (operand.base != kNoRegister) {
    const Known base = registers_[static_cast<size_t>(operand.base)];
    if (!base) return std::nullopt;
    address += *base;
  }
  if (operand.index != kNoRegister) {
    const Known index = registers_[static_cast<size_t>(operand.index)];
    if (!index) return std::nullopt;
    address += *index * operand.scale;
  }
  return operand.is_narrow ? address & mask_of(4) : address;
}

Known Machine::value_of(const Operand& operand, uintptr_t next) const {
  switch (operand.kind) {
    case Operand::Kind::constant:
      return static_cast<uint64_t>(
          operand.displacement);  // sign-extended: whoever uses it takes as many bytes as it needs
    case Operand::Kind::reg: {
      const Known whole = registers_[static_cast<size_t>(operand.reg)];
      return whole ? Known(*whole >> operand.shift & mask_of(operand.size)) : std::nullopt;
    }
    case Operand::Kind::memory: {
      const Known address = operand.in_segment ? std::nullopt : address_of(operand, next);
      return address ? written_.read(*address, operand.size, *memory_) : std::nullopt;
    }
    case Operand::Kind::vector:
    case Operand::Kind::none:
      break;
  }
  return std::nullopt;
}

// A write to an unknown address is left out: code that is followed from a call on rarely makes one, and then to what it has
// allocated or been given meanwhile.
void Machine::assign(const Operand& operand, Known value, uintptr_t next) {
  if (operand.kind == Operand::Kind::memory) {
    const Known address = operand.in_segment ? std::nullopt : address_of(operand, next);
    if (address) written_.write(*address, operand.size, value);
  }
  if (operand.kind == Operand::Kind::vector) vectors_[static_cast<size_t>(operand.reg)] = {};
  if (operand.kind != Operand::Kind::reg) return;
  Known& whole = registers_[static_cast<size_t>(operand.reg)];
  if (operand.size >= 4 || !value)
    whole = low_part(value, operand.size);  // 32 bits clear the upper half
  else if (whole)
    whole = (*whole & ~(mask_of(operand.size) << operand.shift)) | (*value & mask_of(operand.size)) << operand.shift;
}

Machine::Vector Machine::vector_of(const Operand& operand, uintptr_t next) const {
  if (operand.kind == Operand::Kind::vector) return vectors_[static_cast<size_t>(operand.reg)];
  const Known address = address_of(operand, next);
  if (operand.kind != Operand::Kind::memory || operand.in_segment || !address) return {};
  return {written_.read(*address, kWord, *memory_), written_.read(*address + kWord, kWord, *memory_)};
}

void Machine::assign_vector(const Operand& operand, const Vector& value, uintptr_t next) {
  if (operand.kind == Operand::Kind::vector) {
    vectors_[static_cast<size_t>(operand.reg)] = value;
    return;
  }
  const Known address = operand.in_segment ? std::nullopt : address_of(operand, next);
  if (operand.kind != Operand::Kind::memory || !address) return;
  for (size_t at = 0; at < operand.size; at += kWord)
    written_.write(*address + at, kWord, at / kWord < value.size() ? value[at / kWord] : std::nullopt);
}

void Machine::set_result_flags(uint64_t result, size_t size) {
  flags_.zero = (result & mask_of(size)) == 0;
  flags_.sign = is_negative(result, size);
}

void Machine::calculate_known(Action action, const Operand& to, uint64_t left, uint64_t right, uintptr_t next) {
  const size_t size = to.size;
  const uint64_t mask = mask_of(size);
  uint64_t result = 0;
  if (action == Action::add || action == Action::increment) {
    result = left + right;
    flags_.overflow = is_negative((left ^ result) & (right ^ result), size);
    if (action == Action::add) flags_.carry = (result & mask) < left;
  } else if (action == Action::subtract || action == Action::compare || action == Action::decrement) {
    result = left - right;
    flags_.overflow = is_negative((left ^ right) & (left ^ result), size);
    if (action != Action::decrement) flags_.carry = left < right;
  } else {
    result = action == Action::bit_or ? left | right : action == Action::bit_xor ? left ^ right : left & right;
    flags_.overflow = flags_.carry = false;
  }
  set_result_flags(result, size);
  if (action != Action::compare && action != Action::test) assign(to, result & mask, next);
}

void Machine::calculate(const DecodedInstruction& instruction, uintptr_t next) {
  const Operand& to = instruction.operands[0];
  const Operand& from = instruction.operands[1];
  const Action action = instruction.action;
  const bool by_one = action == Action::increment || action == Action::decrement;
  Known left = value_of(to, next);
  Known right = by_one ? Known(1) : low_part(value_of(from, next), to.size);
  const bool is_same_register =
      from.kind == Operand::Kind::reg && to.kind == Operand::Kind::reg && from.reg == to.reg && from.shift == to.shift;
  if (is_same_register && (action == Action::bit_xor || action == Action::subtract)) left = right = 0;
  if (action == Action::bit_and && right == 0) left = 0;
  if (left && right) {
    calculate_known(action, to, *left, *right, next);
    return;
  }
  flags_ = {};
  if (action != Action::compare && action != Action::test) assign(to, std::nullopt, next);
}

void Machine::shift(const DecodedInstruction& instruction, uintptr_t next) {
  const Operand& to = instruction.operands[0];
  const Known value = value_of(to, next);
  const Known by = instruction.operand_count > 1 ? value_of(instruction.operands[1], next) : Known(1);
  const unsigned bits = static_cast<unsigned>(8 * to.size);
  flags_ = {};
  const unsigned count = by ? static_cast<unsigned>(*by & (to.size == kWord ? 63 : 31)) : 0;
  if (!value || !by || count >= bits) {
    assign(to, std::nullopt, next);
    return;
  }
  uint64_t result = *value << count;
  if (instruction.action == Action::shift_right) result = *value >> count;
  if (instruction.action == Action::shift_right_signed)
    result = static_cast<uint64_t>(static_cast<int64_t>(sign_extended(*value, to.size)) >> count);
  assign(to, result & mask_of(to.size), next);
  if (count != 0) set_result_flags(result, to.size);
}

void Machine::multiply(const DecodedInstruction& instruction, uintptr_t next) {
  const Operand& to = instruction.operands[0];
  const bool has_three = instruction.operand_count == 3;
  const Operand& second = instruction.operands[has_three ? 2 : 1];
  const Known left = value_of(instruction.operands[has_three ? 1 : 0], next);
  const Known right = value_of(second, next);
  flags_ = {};
  assign(to, left && right ? low_part(*left * *right, to.size) : std::nullopt, next);
}

void Machine::exchange(const DecodedInstruction& instruction, uintptr_t next) {
  const Operand& first = instruction.operands[0];
  const Operand& second = instruction.operands[1];
  const Known a = value_of(first, next);
  const Known b = value_of(second, next);
  if (instruction.action == Action::exchange_add) {
    flags_ = {};
    // The address of the first operand may depend on the second; a register may be both, and receives the sum.
    const bool is_in_memory = first.kind == Operand::Kind::memory;
    if (!is_in_memory) assign(second, a, next);
    if (a && b)
      calculate_known(Action::add, first, *a, *b, next);
    else
      assign(first, std::nullopt, next);
    if (is_in_memory) assign(second, a, next);
    return;
  }
  assign(first, b, next);
  assign(second, a, next);
}

void Machine::compare_exchange(const DecodedInstruction& instruction, uintptr_t next) {
  const Operand& to = instruction.operands[0];
  const Known old = value_of(to, next);
  const Known expected = low_part(get(EncodedRegister::rax), to.size);
  flags_ = {};
  if (!old || !expected) {
    assign(to, std::nullopt, next);
    set(EncodedRegister::rax, std::nullopt);
    return;
  }
  calculate_known(Action::compare, to, *expected, *old, next);
  if (*old == *expected)
    assign(to, value_of(instruction.operands[1], next), next);
  else
    assign({Operand::Kind::reg, to.size, static_cast<int8_t>(EncodedRegister::rax)}, old, next);
}

std::optional<bool> Machine::holds(uint8_t condition) const {
  std::optional<bool> plain;
  switch (condition / 2) {
    case 0:
      plain = flags_.overflow;
      break;
    case 1:
      plain = flags_.carry;
      break;
    case 2:
      plain = flags_.zero;
      break;
    case 3:
      plain = either(flags_.carry, flags_.zero);
      break;
    case 4:
      plain = flags_.sign;
      break;
    case 6:
      plain = differ(flags_.sign, flags_.overflow);
      break;
    case 7:
      plain = either(flags_.zero, differ(flags_.sign, flags_.overflow));
      break;
    default:
      return std::nullopt;  // parity
  }
  if (!plain) return std::nullopt;
  return *plain != (condition % 2 != 0);
}

void Machine::move_conditionally(const DecodedInstruction& instruction, uintptr_t next) {
  const Operand& to = instruction.operands[0];
  const std::optional<bool> is_moved = holds(instruction.condition);
  const Known old = value_of(to, next);
  const Known other = value_of(instruction.operands[1], next);
  const bool is_certain = is_moved.has_value() || (old && other && *old == *other);
  const Known result = is_moved == true ? other : old;
  assign(to, is_certain ? result : std::nullopt, next);
}

// The operand that an instruction may write to is its first.
void Machine::forget_written(const DecodedInstruction& instruction, uintptr_t next) {
  const Operand& to = instruction.operands[0];
  if (instruction.operand_count == 0 || to.kind != Operand::Kind::memory) return;
  const Known count = instruction.is_repeated ? get(EncodedRegister::rcx) : Known(1);
  const Known address = to.in_segment ? std::nullopt : address_of(to, next);
  if (address && count && *count <= kMaxRepeated)
    written_.write(*address, *count * to.size, std::nullopt);
  else if (instruction.is_repeated)
    written_.forget();
}

void Machine::forget_changed(const DecodedInstruction& instruction, uintptr_t next) {
  forget_written(instruction, next);
  for (size_t number = 0; number < registers_.size(); ++number) {
    if ((instruction.changed >> number & 1) != 0) registers_[number].reset();
  }
  for (size_t number = 0; number < vectors_.size(); ++number) {
    if ((instruction.changed_vectors >> number & 1) != 0) vectors_[number] = {};
  }
  if (instruction.changes_flags) flags_ = {};
}

Course Machine::execute(const DecodedInstruction& instruction, uintptr_t next) {
  const Operand& first = instruction.operands[0];
  const Operand& second = instruction.operands[1];
  switch (instruction.action) {
    case Action::nothing:
      break;
    case Action::move:
    case Action::move_zero_extended:
      assign(first, value_of(second, next), next);
      break;
    case Action::move_sign_extended: {
      const Known value = value_of(second, next);
      assign(first, value ? Known(sign_extended(*value, second.size)) : std::nullopt, next);
      break;
    }
    case Action::sign_extend_eax: {
      const Known value = get(EncodedRegister::rax);
      set(EncodedRegister::rax, value ? Known(sign_extended(*value & mask_of(4), 4)) : std::nullopt);
      break;
    }
    case Action::address:
      assign(first, address_of(second, next), next);
      break;
    case Action::push:
      push(value_of(first, next));
      break;
    case Action::pop:
      assign(first, pop(), next);
      break;
    case Action::leave:
      set(EncodedRegister::rsp, get(EncodedRegister::rbp));
      set(EncodedRegister::rbp, pop());
      break;
    case Action::add:
    case Action::subtract:
    case Action::bit_and:
    case Action::bit_or:
    case Action::bit_xor:
    case Action::compare:
    case Action::test:
    case Action::increment:
    case Action::decrement:
      calculate(instruction, next);
      break;
    case Action::negate:
    case Action::invert: {
      const Known value = value_of(first, next);
      if (instruction.action == Action::negate) flags_ = {};
      const uint64_t result = !value ? 0 : instruction.action == Action::negate ? 0 - *value : ~*value;
      assign(first, value ? low_part(result, first.size) : std::nullopt, next);
      break;
    }
    case Action::shift_left:
    case Action::shift_right:
    case Action::shift_right_signed:
      shift(instruction, next);
      break;
    case Action::multiply:
      if (instruction.operand_count < 2) {
        forget_changed(instruction, next);
        set(EncodedRegister::rax, std::nullopt);
        set(EncodedRegister::rdx, std::nullopt);
      } else {
        multiply(instruction, next);
      }
      break;
    case Action::exchange:
    case Action::exchange_add:
      exchange(instruction, next);
      break;
    case Action::compare_exchange:
      compare_exchange(instruction, next);
      break;
    case Action::set: {
      const std::optional<bool> value = holds(instruction.condition);
      assign(first, value ? Known(*value ? 1 : 0) : std::nullopt, next);
      break;
    }
    case Action::conditional_move:
      move_conditionally(instruction, next);
      break;
    case Action::vector_move:
      assign_vector(first, vector_of(second, next), next);
      break;
    case Action::vector_zero: {
      const bool is_zero = second.kind == Operand::Kind::vector && second.reg == first.reg;
      assign_vector(first, is_zero ? Vector{0, 0} : Vector{}, next);
      break;
    }
    case Action::jump:
      return {Course::Kind::jump, value_of(first, next)};
    case Action::branch:
      return {Course::Kind::branch, value_of(first, next), holds(instruction.condition)};
    case Action::call:
      return {Course::Kind::call, value_of(first, next)};
    case Action::ret:
      return {Course::Kind::ret};
    case Action::stop:
      return {Course::Kind::stop};
    case Action::other:
      forget_changed(instruction, next);
      break;
  }
  return {};
}

}  // namespace holdwatch
