// One x86-64 instruction: its length, its memory operand, and what is needed to follow a register through it.
// Pure; any thread. An instruction may be unknown: then nothing after it can be decoded.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace holdwatch {

inline constexpr size_t kLongestInstruction = 15;
inline constexpr int kNoRegister = -1;

// base + index * scale + displacement; with `relative` the next instruction's address replaces the base.
struct MemoryOperand {
  int base = kNoRegister;
  int index = kNoRegister;
  int scale = 1;
  int64_t displacement = 0;
  bool relative = false;
  bool is_computable = true;  // false: relative to a segment's base, or in an unknown unit
};

struct MemoryInstruction {
  enum class Map : uint8_t { one, two, three_38, three_3a };

  size_t length = 0;
  Map map = Map::one;
  uint8_t opcode = 0;
  uint8_t modrm = 0;
  bool has_modrm = false;
  bool is_vector = false;             // encoded by VEX or EVEX
  bool repeats = false;               // f3 or f2 before it
  bool half_width = false;            // 66 before it
  bool is_wide = false;               // 64 bits (REX.W)
  int reg = 0;                        // the register in the reg field, or in the opcode itself
  int rm = kNoRegister;               // the register in place of a memory operand
  int vector_register = kNoRegister;  // VEX's third
  std::optional<MemoryOperand> memory;
  int64_t immediate = 0;  // sign-extended

  bool is(Map in, uint8_t code) const { return map == in && opcode == code && !is_vector; }
  int extension() const { return modrm >> 3 & 7; }  // the reg field where it is part of the opcode
};

// The instruction that begins at `bytes`; none if it is unknown or cut off.
std::optional<MemoryInstruction> decode_instruction(std::span<const uint8_t> bytes);

}  // namespace holdwatch
