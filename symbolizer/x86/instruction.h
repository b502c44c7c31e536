// What one x86-64 instruction does, as far as holdwatch follows code: where it leads, what it does to the stack pointer,
// which value a general register gets, which registers it may change, and which memory it accesses.
// Any context; pure. The bytes are taken apart by encoding.h.
//
// Moves, additions and the like are understood with 64 and 32 bits. Of anything else (8 and 16 bits, flags, carry,
// multiplication, vectors, x87) it is known which general registers may change: rather one too many than one too few.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "symbolizer/x86/encoding.h"
#include "symbolizer/x86/registers.h"

namespace holdwatch {

enum class Operation : uint8_t {
  other,        // `clobbers` shows which registers may have changed
  nop,          // padding
  push,         // of the source
  pop,          // to `reg`, or to memory
  move,         // reg = source
  address,      // reg = address of memory (lea)
  sign_extend,  // reg = the low 32 bits of the source, with their sign
  zero_extend,  // reg = the low `source_size` bytes of the source
  store,        // memory = source
  add,          // reg = reg + source; a subtracted constant is added with the opposite sign
  subtract,     // reg = reg - source, and so on
  bit_or,
  bit_and,
  bit_xor,
  shift_left,
  shift_right,
  compare,        // reg with source, both registers, 64 bits
  leave,          // rsp = rbp, pop rbp
  jump,           // to `target`
  branch,         // to `target`, or to the next instruction
  jump_indirect,  // to the source
  call,           // of `target`
  call_indirect,  // of the source
  ret,
  breakpoint,  // int3: padding, or a stop from which a debugger continues
  stop         // ud2, hlt: execution does not continue
};

// Where an operation takes its other value from.
enum class Source : uint8_t {
  unknown,
  reg,  // `rm`
  memory,
  constant
};

enum class MemoryUse : uint8_t { none, read, write };

struct Instruction {
  size_t length = 0;
  Operation operation = Operation::other;
  Source source = Source::unknown;
  bool is_wide = false;     // 64 bits; otherwise 32, and the upper half of `reg` becomes zero
  uint8_t source_size = 0;  // bytes, of zero_extend
  int reg = kNoRegister;    // what changes, except for compare
  int rm = kNoRegister;     // the register that is the source
  int64_t constant = 0;     // the source, sign-extended
  uintptr_t target = 0;     // of a direct jump or call
  uint8_t condition = 0;    // of a branch; as in the opcode's low half: 4 equal, 5 not equal
  uint32_t clobbers = 0;    // bit per register: what may change apart from `reg`

  std::optional<MemoryOperand> memory;
  MemoryUse use_of_memory = MemoryUse::none;  // to `memory`: none if only its address is used
  // Of string operations, whose operands are in rsi and rdi.
  bool reads_at_rsi = false;
  MemoryUse use_at_rdi = MemoryUse::none;

  bool is_move_of(Source from) const { return operation == Operation::move && source == from; }
  bool adds_constant() const { return operation == Operation::add && source == Source::constant; }
};

// The instruction with these bytes at `address`; none if it is unknown, invalid or cut off.
std::optional<Instruction> decode(const unsigned char* bytes, size_t size, uintptr_t address);

// All registers that it may change: a bit for each.
uint32_t changed_registers(const Instruction& instruction);

inline bool is_call(const Instruction& instruction) {
  return instruction.operation == Operation::call || instruction.operation == Operation::call_indirect;
}

// A direct jump that is always or sometimes taken.
inline bool is_direct_jump(const Instruction& instruction) {
  return instruction.operation == Operation::jump || instruction.operation == Operation::branch;
}

// Whether execution never continues with the next instruction.
inline bool ends_path(const Instruction& instruction) {
  return instruction.operation == Operation::jump || instruction.operation == Operation::jump_indirect ||
         instruction.operation == Operation::ret || instruction.operation == Operation::stop;
}

}  // namespace holdwatch
