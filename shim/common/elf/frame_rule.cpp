// See frame_rule.h.
#include "shim/common/elf/frame_rule.h"

#include <cstddef>

namespace holdwatch {
namespace {

// Numbers of registers in the tables for x86-64 (System V ABI, figure 3.36).
constexpr uint64_t kBp = 6, kSp = 7;

enum Instruction : uint8_t {
  kNop = 0x00,
  kAdvance1 = 0x02,
  kAdvance2 = 0x03,
  kAdvance4 = 0x04,
  kOffsetExtended = 0x05,
  kRestoreExtended = 0x06,
  kUndefined = 0x07,
  kSameValue = 0x08,
  kRegister = 0x09,
  kRememberState = 0x0a,
  kRestoreState = 0x0b,
  kDefineEnd = 0x0c,
  kDefineEndRegister = 0x0d,
  kDefineEndOffset = 0x0e,
  kDefineEndByExpression = 0x0f,
  kExpression = 0x10,
  kOffsetExtendedSigned = 0x11,
  kDefineEndSigned = 0x12,
  kDefineEndOffsetSigned = 0x13,
  kValueByExpression = 0x16,
  kArgumentsSize = 0x2e,
};

struct Row {
  bool is_simple = false;  // a register and an offset
  bool bp_is_odd = false;  // rbp's rule is another one than an offset
  FrameRule rule;
};

class Interpreter {
 public:
  Interpreter(const CommonEntry& common, const FrameEntry& frame) : common_(common), at_(frame.start) {}

  // False if the instructions cannot be interpreted.
  bool run_common() {
    const bool done = run(common_.instructions, UINTPTR_MAX);
    initial_ = row_;
    return done;
  }

  // Up to those for what comes after `pc`.
  bool run(Bytes instructions, uintptr_t pc) {
    while (instructions.more()) {
      const auto byte = instructions.take<uint8_t>();
      const uint8_t low = byte & 0x3f;
      switch (byte >> 6) {
        case 0:
          if (!run_extended(byte, instructions)) return false;
          break;
        case 1:
          advance(low);
          break;
        case 2:
          save(low, static_cast<int64_t>(instructions.take_leb128()));
          break;
        case 3:
          restore(low);
          break;
      }
      if (at_ > pc) return true;
    }
    return instructions.good();
  }

  // The row before the instruction that led past `pc`.
  const Row& row() const { return row_; }

 private:
  static constexpr size_t kMaxRemembered = 4;

  void advance(uint64_t units) { at_ += units * common_.code_alignment; }

  void save(uint64_t number, int64_t units) {
    if (number != kBp) return;
    row_.bp_is_odd = false;
    row_.rule.saved_bp = units * common_.data_alignment;
  }

  void restore(uint64_t number) {
    if (number != kBp) return;
    row_.bp_is_odd = initial_.bp_is_odd;
    row_.rule.saved_bp = initial_.rule.saved_bp;
  }

  void spoil(uint64_t number) { row_.bp_is_odd |= number == kBp; }

  void set_end_register(uint64_t number) {
    row_.is_simple = number == kBp || number == kSp;
    row_.rule.by_bp = number == kBp;
  }

  void define_end(uint64_t number, int64_t offset) {
    set_end_register(number);
    row_.rule.end_offset = offset;
  }

  bool remember() {
    if (remembered_count_ == kMaxRemembered) return false;
    remembered_[remembered_count_++] = row_;
    return true;
  }

  bool recall() {
    if (remembered_count_ == 0) return false;
    row_ = remembered_[--remembered_count_];
    return true;
  }

  bool run_extended(uint8_t code, Bytes& operands) {
    switch (code) {
      case kNop:
        return true;
      case kAdvance1:
        advance(operands.take<uint8_t>());
        return true;
      case kAdvance2:
        advance(operands.take<uint16_t>());
        return true;
      case kAdvance4:
        advance(operands.take<uint32_t>());
        return true;
      case kRememberState:
        return remember();
      case kRestoreState:
        return recall();
      case kDefineEndOffset:
        row_.rule.end_offset = static_cast<int64_t>(operands.take_leb128());
        return true;
      case kDefineEndOffsetSigned:
        row_.rule.end_offset = operands.take_signed_leb128() * common_.data_alignment;
        return true;
      case kDefineEndByExpression:
        row_.is_simple = false;
        operands.skip(operands.take_leb128());
        return true;
      case kArgumentsSize:
        operands.take_leb128();
        return true;
      default:
        return run_for_register(code, operands);
    }
  }

  // Those whose first operand is a register's number.
  bool run_for_register(uint8_t code, Bytes& operands) {
    const uint64_t number = operands.take_leb128();
    switch (code) {
      case kOffsetExtended:
        save(number, static_cast<int64_t>(operands.take_leb128()));
        return true;
      case kOffsetExtendedSigned:
        save(number, operands.take_signed_leb128());
        return true;
      case kRestoreExtended:
        restore(number);
        return true;
      case kUndefined:
        spoil(number);
        return true;
      case kSameValue:
        if (number == kBp) row_.rule.saved_bp.reset();
        return true;
      case kRegister:
        spoil(number);
        operands.take_leb128();
        return true;
      case kExpression:
      case kValueByExpression:
        spoil(number);
        operands.skip(operands.take_leb128());
        return true;
      case kDefineEnd:
        define_end(number, static_cast<int64_t>(operands.take_leb128()));
        return true;
      case kDefineEndSigned:
        define_end(number, operands.take_signed_leb128() * common_.data_alignment);
        return true;
      case kDefineEndRegister:
        set_end_register(number);
        return true;
      default:
        return false;
    }
  }

  const CommonEntry& common_;
  uintptr_t at_;  // what the row holds from
  Row row_, initial_;
  Row remembered_[kMaxRemembered];
  size_t remembered_count_ = 0;
};

}  // namespace

std::optional<FrameRule> frame_rule_at(uintptr_t pc, const CommonEntry& common, const FrameEntry& frame) {
  Interpreter interpreter(common, frame);
  if (!interpreter.run_common() || !interpreter.run(frame.instructions, pc)) return std::nullopt;
  const Row& row = interpreter.row();
  return row.is_simple && !row.bp_is_odd ? std::optional(row.rule) : std::nullopt;
}

}  // namespace holdwatch
