// The call-frame instructions and expressions of DWARF 4, section 6.4, as far as compilers and libc use them.
// Cold context only; pure.
#include "symbolizer/unwind/frame_program.h"

#include <algorithm>
#include <array>

namespace holdwatch {

namespace {

constexpr uint64_t kRegisterCount = 17;  // rax ... r15 and the return address

// The kind of an operand of a call-frame instruction, as far as the checks need it.
enum class Operand : uint8_t { none, byte, half, word, leb128, register_number, expression, pointer };

struct FrameInstruction {
  uint8_t code;
  Operand first, second;
  bool defines_cfa;
};

// DWARF 4, figure 40, and the GNU extension 0x2e (args_size). Anything else is rejected.
constexpr std::array<FrameInstruction, 22> kInstructions{{
    {0x00, Operand::none, Operand::none, false},
    {0x01, Operand::pointer, Operand::none, false},
    {0x02, Operand::byte, Operand::none, false},
    {0x03, Operand::half, Operand::none, false},
    {0x04, Operand::word, Operand::none, false},
    {0x05, Operand::register_number, Operand::leb128, false},
    {0x06, Operand::register_number, Operand::none, false},
    {0x07, Operand::register_number, Operand::none, false},
    {0x08, Operand::register_number, Operand::none, false},
    {0x09, Operand::register_number, Operand::register_number, false},
    {0x0a, Operand::none, Operand::none, false},
    {0x0b, Operand::none, Operand::none, false},
    {0x0c, Operand::register_number, Operand::leb128, true},
    {0x0d, Operand::register_number, Operand::none, false},
    {0x0e, Operand::leb128, Operand::none, false},
    {0x0f, Operand::expression, Operand::none, true},
    {0x10, Operand::register_number, Operand::expression, false},
    {0x11, Operand::register_number, Operand::leb128, false},
    {0x12, Operand::register_number, Operand::leb128, true},
    {0x13, Operand::leb128, Operand::none, false},
    {0x16, Operand::register_number, Operand::expression, false},
    {0x2e, Operand::leb128, Operand::none, false},
}};

// A DWARF expression of arithmetic, constants, registers and memory, which is all that compilers and libc use. The rest
// is rejected, including branches, which may never end, and division, which traps for INT64_MIN / -1.
bool check_expression(Bytes expression) {
  while (expression.more()) {
    const auto code = expression.take<uint8_t>();
    if (code == 0x06 || (code >= 0x12 && code <= 0x14) || code == 0x16) continue;  // deref, dup, drop, over, swap
    if (code == 0x1a || code == 0x1c || code == 0x1e || code == 0x21 || code == 0x22)
      continue;                                  // and minus mul or plus
    if (code >= 0x24 && code <= 0x27) continue;  // shl, shr, shra, xor
    if (code >= 0x29 && code <= 0x2e) continue;  // comparisons
    if (code >= 0x30 && code <= 0x4f) continue;  // lit0 ... lit31
    if (code >= 0x08 && code <= 0x0f) {          // const1u ... const8s
      expression.skip(uint64_t{1} << ((code - 0x08) / 2));
    } else if (code == 0x10 || code == 0x11 || code == 0x23) {  // constu, consts, plus_uconst
      expression.take_leb128();
    } else if (code >= 0x70 && code < 0x70 + kRegisterCount) {  // breg0 ... breg16
      expression.take_leb128();
    } else {
      return false;
    }
  }
  return expression.good();
}

bool take_operand(Bytes& program, Operand operand, uint8_t pointer_encoding) {
  switch (operand) {
    case Operand::none:
      return true;
    case Operand::byte:
      return program.skip(1);
    case Operand::half:
      return program.skip(2);
    case Operand::word:
      return program.skip(4);
    case Operand::leb128:
      program.take_leb128();
      return program.good();
    case Operand::register_number:
      return program.take_leb128() < kRegisterCount && program.good();
    case Operand::expression:
      return check_expression(program.take_block(program.take_leb128()));
    case Operand::pointer:
      return encoded_size(pointer_encoding) != 0 && program.skip(encoded_size(pointer_encoding));
  }
  return false;
}

}  // namespace

// Registers beyond the general ones (vector registers, which the Windows ABI saves) are rejected, as in libunwind.
bool check_frame_program(Bytes program, uint8_t pointer_encoding, bool& defines_cfa) {
  while (program.more()) {
    const auto byte = program.take<uint8_t>();
    const unsigned primary = byte >> 6;
    if (primary == 1) continue;  // DW_CFA_advance_loc
    if (primary != 0) {          // DW_CFA_offset, DW_CFA_restore
      if ((byte & 0x3f) >= kRegisterCount) return false;
      if (primary == 2) program.take_leb128();
      if (!program.good()) return false;
      continue;
    }
    auto known = std::find_if(kInstructions.begin(), kInstructions.end(),
                              [byte](const FrameInstruction& instruction) { return instruction.code == byte; });
    if (known == kInstructions.end()) return false;
    if (!take_operand(program, known->first, pointer_encoding)) return false;
    if (!take_operand(program, known->second, pointer_encoding)) return false;
    defines_cfa = defines_cfa || known->defines_cfa;
  }
  return program.good();
}

}  // namespace holdwatch
