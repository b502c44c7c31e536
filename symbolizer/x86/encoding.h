// Takes the bytes of one x86-64 instruction apart: prefixes, opcode, operands, immediate value, and with them its length.
// Any context; pure. What the instruction does is up to instruction.h.
// Source: Intel SDM, volume 2, chapter 2 and appendix A. A test compares the lengths with objdump's.
//
// Known are all opcode maps of 64-bit mode, with VEX and EVEX. Not known, and no instruction for us: XOP, 3DNow!'s own
// opcodes (they follow the operands), the second immediate value of SSE4a's extrq and insertq, APX (REX2, EVEX map 4).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

namespace holdwatch {

inline constexpr size_t kMaxInstruction = 15;  // bytes
inline constexpr int kNoRegister = -1;

// base + index * scale + displacement; if it is relative, the next instruction's address is the base.
struct MemoryOperand {
  int base = kNoRegister;
  int index = kNoRegister;
  uint8_t scale = 1;
  int64_t displacement = 0;
  bool is_relative = false;
  bool has_segment = false;   // fs or gs
  bool is_computable = true;  // false: relative to a segment, in 32 bits, with many indices, or in an unknown unit

  // A constant address, relative or not.
  bool is_fixed() const { return base == kNoRegister && index == kNoRegister; }
};

struct Encoding {
  // Five and six exist in EVEX only.
  enum class Map : uint8_t { one, two, three_38, three_3a, five, six };

  size_t length = 0;
  Map map = Map::one;
  uint8_t opcode = 0;
  bool is_vector = false;  // encoded by VEX or EVEX

  // From the prefixes; from their counterpart in VEX and EVEX.
  bool is_wide = false;  // REX.W: 64 bits
  bool has_66 = false;   // 16 bits, unless is_wide
  bool has_f2 = false;
  bool has_f3 = false;
  bool has_rex = false;
  bool has_short_address = false;  // 67: 32 bits
  bool has_segment = false;

  bool has_modrm = false;
  int extension = 0;                  // the reg field where it is part of the opcode
  int reg = kNoRegister;              // the register in the reg field
  int rm = kNoRegister;               // the register in place of a memory operand
  int opcode_register = kNoRegister;  // the register in the opcode's low bits, for opcodes that contain one
  int third = kNoRegister;            // the register in VEX or EVEX
  std::optional<MemoryOperand> memory;
  int64_t immediate = 0;  // sign-extended

  bool is(Map in, uint8_t code) const { return map == in && opcode == code && !is_vector; }
};

// The instruction that begins with these bytes; none if it is unknown, invalid or cut off.
std::optional<Encoding> decode_encoding(const unsigned char* bytes, size_t size);

}  // namespace holdwatch
