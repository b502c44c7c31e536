// What the unwinder needs to know of one x86-64 instruction: its length, its jump target, its effect on registers.
// Any context; pure. Source: Intel SDM, volume 2, chapter 2 and appendix A. A test compares the lengths with objdump's.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

namespace holdwatch {

enum class Operation : uint8_t {
  other,           // `clobbers` shows which registers may have changed
  nop,             // padding
  push,            // of a register, a constant or memory
  pop,             // to `reg`
  move,            // reg = rm, 64 bits
  load,            // reg = memory, 64 bits
  load_constant,   // reg = constant, 64 bits
  address,         // reg = address of memory (lea), 64 bits
  store,           // memory = rm, 64 bits
  store_constant,  // memory = constant, 64 bits
  add_constant,    // reg += constant, 64 bits
  add_register,    // reg += rm, 64 bits
  sub_register,    // reg -= rm, 64 bits
  align,           // reg &= constant, 64 bits
  compare,         // reg with rm, 64 bits
  move_low,        // the same with 32 bits; the upper half of reg becomes zero
  load_low,
  address_low,
  add_constant_low,
  extend,         // reg = the low 32 bits of rm or of memory, sign-extended
  shift_left,     // reg <<= constant, 64 bits
  leave,          // rsp = rbp, pop rbp
  jump,           // to `target`
  branch,         // to `target`, or to the next instruction
  jump_indirect,  // to rm or to what memory holds
  call,           // of `target`
  call_indirect,  // of rm or of what memory holds
  ret,
  stop  // ud2, hlt, int3: execution does not continue
};

struct Instruction {
  static constexpr int kNone = -1;
  static constexpr int kRipRelative = 16;  // as `base`

  size_t length = 0;
  Operation operation = Operation::other;
  int reg = kNone;   // registers are numbered as they are encoded: rax rcx rdx rbx rsp rbp rsi rdi r8 ... r15
  int rm = kNone;    // kNone: memory
  int base = kNone;  // of memory; kRipRelative: `displacement` is relative to the next instruction
  int index = kNone;
  uint8_t scale = 1;         // factor of the index
  bool has_segment = false;  // fs or gs
  int64_t displacement = 0;
  int64_t constant = 0;
  uintptr_t target = 0;   // of a direct jump or call
  uint8_t condition = 0;  // of a branch; as in the opcode's low half: 4 equal, 5 not equal
  uint32_t clobbers = 0;  // bit per register, as encoded: what may have changed apart from `reg`
};

constexpr size_t kMaxInstruction = 15;

// The instruction with these bytes at `address`; nothing if it is invalid or cut off.
std::optional<Instruction> decode(const unsigned char* bytes, size_t size, uintptr_t address);

}  // namespace holdwatch
