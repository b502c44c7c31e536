// Decodes x86-64 instructions according to the opcode maps of the Intel SDM, volume 2, appendix A. See instruction.h.
// Any context; pure.
#include "symbolizer/unwind/instruction.h"

#include <algorithm>
#include <cstring>
#include <initializer_list>
#include <iterator>

namespace holdwatch {

namespace {

enum RegisterCode : int { kAx, kCx, kDx, kBx, kSp, kBp, kSi, kDi, kR11 = 11 };

constexpr uint32_t bit(int which) {
  return which >= 0 && which < 16 ? 1u << which : 0;
}
constexpr uint32_t kCallerSaved = 1u << kAx | 1u << kCx | 1u << kDx | 1u << kSi | 1u << kDi | 0x0f00u;

// The bytes of one instruction, and the settings from its prefixes.
class Decoder {
 public:
  Decoder(const unsigned char* bytes, size_t size, uintptr_t address)
      : at_(bytes), end_(bytes + std::min(size, kMaxInstruction)), start_(bytes), address_(address) {}

  std::optional<Instruction> run();

 private:
  uint8_t take() {
    if (at_ == end_) {
      good_ = false;
      return 0;
    }
    return *at_++;
  }
  template <typename T>
  T take_value() {
    T value{};
    if (static_cast<size_t>(end_ - at_) < sizeof value) {
      good_ = false;
      return value;
    }
    std::memcpy(&value, at_, sizeof value);
    at_ += sizeof value;
    return value;
  }
  void take_prefixes();
  void take_modrm();
  int64_t take_wide_constant() { return half_ && !wide_ ? take_value<int16_t>() : take_value<int32_t>(); }
  void jump(Operation operation, int64_t distance);

  void one_byte(uint8_t code);
  void arithmetic(uint8_t code);
  void arithmetic_with_constant(uint8_t code);
  void moves(uint8_t code);
  void groups(uint8_t code);
  void rest(uint8_t code);
  void two_bytes();
  void two_bytes_writes(uint8_t code);
  void vex(uint8_t code);
  void vector_operation(unsigned map, uint8_t code, int third);

  void writes_rm() {
    if (is_register_) out_.clobbers |= bit(rm_);
  }
  void writes_reg() { out_.clobbers |= bit(reg_); }
  void of_low_halves(Operation operation, int to, int from) {
    out_.operation = operation;
    out_.reg = to;
    out_.rm = from;
  }
  // ah ... bh are encoded as 4 ... 7 if there is no REX prefix.
  static int of_byte(int which, bool has_rex) { return !has_rex && which >= 4 && which < 8 ? which - 4 : which; }
  void bytes_are_registers() {
    reg_ = of_byte(reg_, has_rex_);
    if (is_register_) rm_ = of_byte(rm_, has_rex_);
  }

  const unsigned char* at_;
  const unsigned char* end_;
  const unsigned char* start_;
  uintptr_t address_;
  Instruction out_;
  bool good_ = true;
  bool half_ = false;   // 66
  bool short_ = false;  // 67
  bool repeat_ = false, repeat_not_ = false;
  bool has_rex_ = false, wide_ = false;
  int reg_extension_ = 0, index_extension_ = 0, base_extension_ = 0;
  int reg_ = 0, rm_ = 0;
  unsigned extension_ = 0;  // the reg field without REX.R, which selects the instruction within a group
  bool is_register_ = false;
};

void Decoder::take_prefixes() {
  for (;; ++at_) {
    if (at_ == end_) return;
    switch (*at_) {
      case 0x66:
        half_ = true;
        continue;
      case 0x67:
        short_ = true;
        continue;
      case 0xf2:
        repeat_not_ = true;
        continue;
      case 0xf3:
        repeat_ = true;
        continue;
      case 0x64:
      case 0x65:
        out_.has_segment = true;
        continue;
      case 0x26:
      case 0x2e:
      case 0x36:
      case 0x3e:
      case 0xf0:
        continue;
      default:
        break;
    }
    break;
  }
  if ((*at_ & 0xf0) != 0x40) return;
  const uint8_t rex = take();
  has_rex_ = true;
  wide_ = (rex & 8) != 0;
  reg_extension_ = (rex & 4) != 0 ? 8 : 0;
  index_extension_ = (rex & 2) != 0 ? 8 : 0;
  base_extension_ = (rex & 1) != 0 ? 8 : 0;
}

void Decoder::take_modrm() {
  const uint8_t modrm = take();
  const unsigned mode = modrm >> 6;
  extension_ = modrm >> 3 & 7;
  reg_ = static_cast<int>(extension_) + reg_extension_;
  rm_ = (modrm & 7) + base_extension_;
  is_register_ = mode == 3;
  if (is_register_) return;
  unsigned low = modrm & 7;
  if (low == 4) {
    const uint8_t sib = take();
    low = sib & 7;
    rm_ = static_cast<int>(low) + base_extension_;
    const int index = (sib >> 3 & 7) + index_extension_;
    if (index != kSp) out_.index = index;
    out_.scale = static_cast<uint8_t>(1u << (sib >> 6));
    out_.base = mode == 0 && low == 5 ? Instruction::kNone : rm_;
  } else {
    out_.base = mode == 0 && low == 5 ? Instruction::kRipRelative : rm_;
  }
  if (mode == 1) out_.displacement = take_value<int8_t>();
  if (mode == 2 || (mode == 0 && low == 5)) out_.displacement = take_value<int32_t>();
}

void Decoder::jump(Operation operation, int64_t distance) {
  out_.operation = operation;
  out_.target = address_ + static_cast<uintptr_t>(at_ - start_) + static_cast<uintptr_t>(distance);
}

// add, or, adc, sbb, and, sub, xor, cmp between registers and memory.
void Decoder::arithmetic(uint8_t code) {
  const unsigned kind = code >> 3;
  const unsigned form = code & 7;
  if (form == 4) {
    take();
    if (kind != 7) out_.clobbers |= bit(kAx);
    return;
  }
  if (form == 5) {
    out_.constant = take_wide_constant();
    if (kind != 7) out_.clobbers |= bit(kAx);
    return;
  }
  take_modrm();
  if ((form & 1) == 0) bytes_are_registers();
  const bool to_reg = form >= 2;
  if (wide_ && form % 2 == 1 && is_register_ && (kind == 0 || kind == 5 || kind == 7)) {
    out_.operation = kind == 0 ? Operation::add_register : kind == 5 ? Operation::sub_register : Operation::compare;
    out_.reg = to_reg ? reg_ : rm_;
    out_.rm = to_reg ? rm_ : reg_;
    return;
  }
  if (kind == 7) return;
  if (kind == 6 && form % 2 == 1 && !half_ && is_register_ && reg_ == rm_) {
    out_.operation = Operation::load_constant;  // xor with itself
    out_.constant = 0;
    out_.reg = reg_;
  }
  if (to_reg) {
    writes_reg();
  } else {
    writes_rm();
  }
}

// 80, 81, 83: the same with a constant.
void Decoder::arithmetic_with_constant(uint8_t code) {
  take_modrm();
  if (code == 0x80) bytes_are_registers();
  out_.constant = code == 0x81 ? take_wide_constant() : take_value<int8_t>();
  if (extension_ == 7 || !is_register_) return;
  if (wide_ && (extension_ == 0 || extension_ == 5 || extension_ == 4)) {
    out_.operation = extension_ == 4 ? Operation::align : Operation::add_constant;
    if (extension_ == 5) out_.constant = -out_.constant;
    out_.reg = rm_;
    return;
  }
  writes_rm();
  if (code != 0x80 && !half_ && (extension_ == 0 || extension_ == 5)) {
    out_.operation = Operation::add_constant_low;
    if (extension_ == 5) out_.constant = -out_.constant;
    out_.reg = rm_;
  }
}

// 88 ... 8f.
void Decoder::moves(uint8_t code) {
  take_modrm();
  if (code == 0x88 || code == 0x8a) bytes_are_registers();
  switch (code) {
    case 0x89:
      if (wide_ && is_register_) {
        out_.operation = Operation::move;
        out_.reg = rm_;
        out_.rm = reg_;
        return;
      }
      if (wide_) {
        out_.operation = Operation::store;
        out_.rm = reg_;
        return;
      }
      if (!half_ && is_register_) of_low_halves(Operation::move_low, rm_, reg_);
      [[fallthrough]];
    case 0x88:
    case 0x8c:
      return writes_rm();
    case 0x8b:
      if (wide_) {
        out_.operation = is_register_ ? Operation::move : Operation::load;
        out_.reg = reg_;
        if (is_register_) out_.rm = rm_;
        return;
      }
      if (!half_) {
        of_low_halves(is_register_ ? Operation::move_low : Operation::load_low, reg_,
                      is_register_ ? rm_ : Instruction::kNone);
      }
      [[fallthrough]];
    case 0x8a:
      return writes_reg();
    case 0x8d:
      if (wide_ && !short_ && !is_register_) {
        out_.operation = Operation::address;
        out_.reg = reg_;
        return;
      }
      if (!half_ && !short_ && !is_register_) of_low_halves(Operation::address_low, reg_, Instruction::kNone);
      return writes_reg();
    case 0x8f:
      if (extension_ != 0) good_ = false;  // XOP, which no compiler generates
      out_.operation = Operation::pop;
      if (is_register_) out_.reg = rm_;
      return;
    default:
      return;  // 8e: a segment register
  }
}

// f6, f7, fe, ff: the reg field selects the operation.
void Decoder::groups(uint8_t code) {
  take_modrm();
  if (code == 0xf6 || code == 0xfe) bytes_are_registers();
  if (code == 0xf6 || code == 0xf7) {
    if (extension_ < 2) {
      if (code == 0xf6) {
        take();
      } else {
        take_wide_constant();
      }
      return;
    }
    if (extension_ >= 4) {
      out_.clobbers |= bit(kAx) | bit(kDx);
    } else {
      writes_rm();
    }
    return;
  }
  if (extension_ < 2) return writes_rm();
  if (code == 0xfe) {
    good_ = false;
    return;
  }
  if (is_register_) out_.rm = rm_;
  switch (extension_) {
    case 2:
      out_.operation = Operation::call_indirect;
      out_.clobbers |= kCallerSaved;
      break;
    case 4:
      out_.operation = Operation::jump_indirect;
      break;
    case 6:
      out_.operation = Operation::push;
      break;
    case 7:
      good_ = false;
      break;
    default:
      break;  // far calls and jumps
  }
}

void Decoder::rest(uint8_t code) {
  switch (code) {
    case 0x63:
    case 0x69:
    case 0x6b:
      take_modrm();
      if (code == 0x63 && wide_) of_low_halves(Operation::extend, reg_, is_register_ ? rm_ : Instruction::kNone);
      if (code == 0x69) take_wide_constant();
      if (code == 0x6b) take();
      return writes_reg();
    case 0x68:
    case 0x6a:
      out_.operation = Operation::push;
      if (code == 0x68) {
        take_wide_constant();
      } else {
        take();
      }
      return;
    case 0x84:
    case 0x85:
      return take_modrm();
    case 0x86:
    case 0x87:
      take_modrm();
      if (code == 0x86) bytes_are_registers();
      writes_reg();
      return writes_rm();
    case 0x98:
      if (wide_) of_low_halves(Operation::extend, kAx, kAx);
      out_.clobbers |= bit(kAx);
      return;
    case 0x99:
      out_.clobbers |= bit(kAx) | bit(kDx);
      return;
    case 0xa8:
    case 0xcd:
      take();
      return;
    case 0xa9:
      take_wide_constant();
      return;
    case 0xc0:
    case 0xc1:
    case 0xc6:
    case 0xc7:
    case 0xd0:
    case 0xd1:
    case 0xd2:
    case 0xd3:
      take_modrm();
      if ((code & 1) == 0) bytes_are_registers();
      if (code == 0xc7) {
        out_.constant = take_wide_constant();
        if (wide_ && !is_register_ && extension_ == 0) out_.operation = Operation::store_constant;
      } else if (code < 0xd0) {
        out_.constant = take();
        if (code == 0xc1 && wide_ && is_register_ && extension_ == 4) {
          out_.operation = Operation::shift_left;
          out_.reg = rm_;
        }
      }
      return writes_rm();
    case 0xc2:
    case 0xca:
      take_value<uint16_t>();
      [[fallthrough]];
    case 0xc3:
    case 0xcb:
    case 0xcf:
      out_.operation = Operation::ret;
      return;
    case 0xc8:
      take_value<uint16_t>();
      take();
      out_.clobbers |= bit(kSp) | bit(kBp);
      return;
    case 0xc9:
      out_.operation = Operation::leave;
      return;
    case 0xcc:
    case 0xf4:
      out_.operation = Operation::stop;
      return;
    case 0xe8:
      jump(Operation::call, take_value<int32_t>());
      out_.clobbers |= kCallerSaved;
      return;
    case 0xe9:
      return jump(Operation::jump, take_value<int32_t>());
    case 0xeb:
      return jump(Operation::jump, take_value<int8_t>());
    case 0x60:
    case 0x61:
    case 0x82:
    case 0x9a:
    case 0xce:
    case 0xd4:
    case 0xd5:
    case 0xd6:
    case 0xea:
      good_ = false;
      return;
    case 0x8d:
    default:
      break;
  }
  if (code >= 0xd8 && code <= 0xdf) {
    take_modrm();
    if (code == 0xdf) out_.clobbers |= bit(kAx);  // fnstsw %ax
    return;
  }
  // Strings, ports, flags: they also change index registers.
  if ((code >= 0x6c && code <= 0x6f) || (code >= 0xa4 && code <= 0xaf)) {
    out_.clobbers |= bit(kAx) | bit(kCx) | bit(kSi) | bit(kDi);
  }
  if (code >= 0xe4 && code <= 0xe7) take();
  if (code == 0xd7 || code == 0x9f || (code >= 0xe4 && code <= 0xef)) out_.clobbers |= bit(kAx);
}

void Decoder::one_byte(uint8_t code) {
  if (code < 0x40) {
    if ((code & 7) < 6) return arithmetic(code);
    good_ = false;
    return;
  }
  const int low = (code & 7) + base_extension_;
  if (code >= 0x50 && code < 0x58) {
    out_.operation = Operation::push;
    out_.rm = low;
  } else if (code >= 0x58 && code < 0x60) {
    out_.operation = Operation::pop;
    out_.reg = low;
  } else if ((code >= 0x70 && code < 0x80) || (code >= 0xe0 && code <= 0xe3)) {
    jump(Operation::branch, take_value<int8_t>());
    out_.condition = code < 0x80 ? code & 15 : 0;
    if (code >= 0xe0 && code < 0xe3) out_.clobbers |= bit(kCx);
  } else if (code >= 0x80 && code <= 0x83 && code != 0x82) {
    arithmetic_with_constant(code);
  } else if (code >= 0x88 && code <= 0x8f) {
    moves(code);
  } else if (code >= 0x90 && code <= 0x97) {
    if (low != 0) {
      out_.clobbers |= bit(kAx) | bit(low);
    } else if (!repeat_) {
      out_.operation = Operation::nop;
    }
  } else if (code >= 0xa0 && code <= 0xa3) {
    at_ += std::min<ptrdiff_t>(end_ - at_, short_ ? 4 : 8);
    out_.clobbers |= bit(kAx);
  } else if (code >= 0xb0 && code <= 0xb7) {
    take();
    out_.clobbers |= bit(of_byte(low, has_rex_));
  } else if (code >= 0xb8 && code <= 0xbf) {
    // Without REX.W the upper half becomes zero.
    out_.constant = wide_ ? take_value<int64_t>() : take_wide_constant() & 0xffffffff;
    out_.clobbers |= bit(low);
    if (half_ && !wide_) return;
    out_.operation = Operation::load_constant;
    out_.reg = low;
  } else if (code == 0xf6 || code == 0xf7 || code == 0xfe || code == 0xff) {
    groups(code);
  } else {
    rest(code);
  }
}

// The two-byte instructions with a ModRM byte that change a general register.
void Decoder::two_bytes_writes(uint8_t code) {
  const auto is_one_of = [code](std::initializer_list<uint8_t> list) {
    return std::find(list.begin(), list.end(), code) != list.end();
  };
  if ((code & 0xf0) == 0x90 || code == 0xb0 || code == 0xc0) bytes_are_registers();
  if ((code & 0xf0) == 0x40 || is_one_of({0x02, 0x03, 0x2c, 0x2d, 0x50, 0xaf, 0xb6, 0xb7, 0xb8, 0xbc, 0xbd, 0xbe, 0xbf,
                                          0xc0, 0xc1, 0xc5, 0xd7})) {
    writes_reg();
  }
  if ((code & 0xf0) == 0x90 ||
      is_one_of({0x00, 0x01, 0x20, 0x21, 0xa4, 0xa5, 0xab, 0xac, 0xad, 0xae, 0xb0, 0xb1, 0xb3, 0xba, 0xbb, 0xc0, 0xc1,
                 0xc7}) ||
      (code == 0x7e && !repeat_)) {
    writes_rm();
  }
  if (is_one_of({0x01, 0xb0, 0xb1, 0xc7})) out_.clobbers |= bit(kAx) | bit(kCx) | bit(kDx);
}

void Decoder::two_bytes() {
  const uint8_t code = take();
  if (code == 0x38 || code == 0x3a) {
    const uint8_t third = take();
    take_modrm();
    if (code == 0x3a) take();
    if (code == 0x38 && third >= 0xf0) writes_reg();
    if (code == 0x3a && third >= 0x14 && third <= 0x17) writes_rm();
    return;
  }
  if ((code & 0xf0) == 0x80) {
    out_.condition = code & 15;
    return jump(Operation::branch, take_value<int32_t>());
  }
  if (code >= 0xc8 && code <= 0xcf) {
    out_.clobbers |= bit((code & 7) + base_extension_);
    return;
  }
  switch (code) {
    case 0x0b:
      out_.operation = Operation::stop;
      return;
    case 0x05:
    case 0x34:
      out_.clobbers |= bit(kAx) | bit(kCx) | bit(kR11);
      return;
    case 0xa0:
    case 0xa8:
      out_.operation = Operation::push;
      return;
    case 0xa1:
    case 0xa9:
      out_.operation = Operation::pop;
      return;
    case 0xa2:
    case 0x31:
    case 0x32:
    case 0x33:
      out_.clobbers |= bit(kAx) | bit(kBx) | bit(kCx) | bit(kDx);
      return;
    case 0x06:
    case 0x07:
    case 0x08:
    case 0x09:
    case 0x0e:
    case 0x30:
    case 0x35:
    case 0x37:
    case 0x77:
    case 0xaa:
      return;
    case 0x04:
    case 0x0a:
    case 0x0c:
      good_ = false;
      return;
    default:
      break;
  }
  take_modrm();
  if (code == 0x1f) out_.operation = Operation::nop;
  static constexpr uint8_t kWithConstant[] = {0x0f, 0x70, 0x71, 0x72, 0x73, 0xa4, 0xac, 0xba, 0xc2, 0xc4, 0xc5, 0xc6};
  if (std::find(std::begin(kWithConstant), std::end(kWithConstant), code) != std::end(kWithConstant)) take();
  two_bytes_writes(code);
}

// Vector instructions, and those on general registers that share their encoding (BMI). Their third operand is `third`.
void Decoder::vector_operation(unsigned map, uint8_t code, int third) {
  if (map == 1 && code == 0x77) return;
  take_modrm();
  const bool has_constant =
      map == 3 || (map == 1 && ((code >= 0x70 && code <= 0x73) || code == 0xc2 || (code >= 0xc4 && code <= 0xc6)));
  if (has_constant) take();
  if (map == 1 && (code == 0x2c || code == 0x2d || code == 0x50 || code == 0x78 || code == 0x79 || code == 0x93 ||
                   code == 0xc5 || code == 0xd7)) {
    writes_reg();
  }
  if (map == 2 && code >= 0xf0) {
    writes_reg();
    out_.clobbers |= bit(third);
  }
  if (map == 3 && code == 0xf0) writes_reg();
  if ((map == 1 && code == 0x7e) || (map == 3 && code >= 0x14 && code <= 0x17)) writes_rm();
}

void Decoder::vex(uint8_t code) {
  const uint8_t first = take();
  reg_extension_ = (first & 0x80) == 0 ? 8 : 0;
  if (code == 0xc5) return vector_operation(1, take(), Instruction::kNone);
  index_extension_ = (first & 0x40) == 0 ? 8 : 0;
  base_extension_ = (first & 0x20) == 0 ? 8 : 0;
  const uint8_t second = take();
  unsigned map = first & 0x1f;
  if (code == 0x62) {
    map = first & 7;
    take();
  }
  const int third = ~(second >> 3) & 15;
  if (map == 0 || map > 6 || map == 4) good_ = false;
  vector_operation(map, take(), third);
}

std::optional<Instruction> Decoder::run() {
  take_prefixes();
  const uint8_t code = take();
  if (code == 0x0f) {
    two_bytes();
  } else if (code == 0xc4 || code == 0xc5 || code == 0x62) {
    vex(code);
  } else {
    one_byte(code);
  }
  if (!good_) return std::nullopt;
  out_.length = static_cast<size_t>(at_ - start_);
  return out_;
}

}  // namespace

std::optional<Instruction> decode(const unsigned char* bytes, size_t size, uintptr_t address) {
  return Decoder(bytes, size, address).run();
}

}  // namespace holdwatch
