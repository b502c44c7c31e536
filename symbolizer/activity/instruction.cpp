// See instruction.h. Lengths according to Intel's manual, volume 2, appendix A.
#include "symbolizer/activity/instruction.h"

#include <algorithm>
#include <cstring>

namespace holdwatch {
namespace {

using Map = MemoryInstruction::Map;

constexpr int kRsp = 4;
constexpr int kRbp = 5;

// Takes bytes one by one; past the end it returns zeros and remembers that.
class InstructionBytes {
 public:
  explicit InstructionBytes(std::span<const uint8_t> bytes) : bytes_(bytes) {}
  uint8_t next() { return at_ < bytes_.size() ? bytes_[at_++] : (failed_ = true, uint8_t{0}); }
  uint8_t peek() const { return at_ < bytes_.size() ? bytes_[at_] : uint8_t{0}; }
  size_t taken() const { return at_; }
  bool failed() const { return failed_; }

  // `size` bytes as a signed number.
  int64_t number(size_t size) {
    uint64_t value = 0;
    for (size_t i = 0; i < size; ++i) value |= uint64_t{next()} << (8 * i);
    if (size == 0 || size == 8) return static_cast<int64_t>(value);
    const uint64_t sign = uint64_t{1} << (8 * size - 1);
    return static_cast<int64_t>((value ^ sign) - sign);
  }

 private:
  std::span<const uint8_t> bytes_;
  size_t at_ = 0;
  bool failed_ = false;
};

// What follows an opcode; nothing if the opcode is unknown.
struct Shape {
  bool modrm = false;
  size_t immediate = 0;
};

constexpr bool within(uint8_t value, uint8_t first, uint8_t last) {
  return value >= first && value <= last;
}

std::optional<Shape> one_byte_shape(uint8_t opcode, uint8_t modrm, bool is_wide, size_t word) {
  if (opcode < 0x40) {
    const uint8_t form = opcode & 7;
    if (form < 4) return Shape{true};
    if (form == 4) return Shape{false, 1};
    return form == 5 ? std::optional(Shape{false, word}) : std::nullopt;
  }
  if (within(opcode, 0x50, 0x5f)) return Shape{};
  if (within(opcode, 0x70, 0x7f) || within(opcode, 0xb0, 0xb7) || within(opcode, 0xe0, 0xe3)) return Shape{false, 1};
  if (within(opcode, 0xb8, 0xbf)) return Shape{false, is_wide ? 8 : word};
  if (within(opcode, 0x84, 0x8f) || within(opcode, 0xd0, 0xd3) || within(opcode, 0xd8, 0xdf)) return Shape{true};
  if (within(opcode, 0x90, 0x99) || within(opcode, 0x9b, 0x9f) || within(opcode, 0xa4, 0xa7) ||
      within(opcode, 0xaa, 0xaf) || within(opcode, 0xf8, 0xfd))
    return Shape{};
  const bool has_operand = (modrm >> 3 & 7) < 2;  // of f6 and f7: test
  switch (opcode) {
    case 0x63:
    case 0xfe:
    case 0xff:
      return Shape{true};
    case 0x68:
    case 0xa9:
      return Shape{false, word};
    case 0x69:
    case 0x81:
    case 0xc7:
      return Shape{true, word};
    case 0x6a:
    case 0xa8:
    case 0xcd:
    case 0xeb:
      return Shape{false, 1};
    case 0x6b:
    case 0x80:
    case 0x83:
    case 0xc0:
    case 0xc1:
    case 0xc6:
      return Shape{true, 1};
    case 0xc2:
      return Shape{false, 2};
    case 0xc3:
    case 0xc9:
    case 0xcc:
    case 0xf4:
    case 0xf5:
      return Shape{};
    case 0xe8:
    case 0xe9:
      return Shape{false, 4};
    case 0xf6:
      return Shape{true, has_operand ? size_t{1} : 0};
    case 0xf7:
      return Shape{true, has_operand ? word : 0};
    default:
      return std::nullopt;
  }
}

std::optional<Shape> two_byte_shape(uint8_t opcode) {
  if (within(opcode, 0x80, 0x8f)) return Shape{false, 4};
  if (within(opcode, 0x70, 0x73) || within(opcode, 0xc4, 0xc6)) return Shape{true, 1};
  if (within(opcode, 0xc8, 0xcf)) return Shape{};
  switch (opcode) {
    case 0x05:
    case 0x0b:
    case 0x31:
    case 0x77:
    case 0xa0:
    case 0xa1:
    case 0xa2:
    case 0xa8:
    case 0xa9:
      return Shape{};
    case 0xa4:
    case 0xac:
    case 0xba:
    case 0xc2:
      return Shape{true, 1};
    default:
      break;
  }
  const bool has_modrm = within(opcode, 0x10, 0x1f) || within(opcode, 0x28, 0x2f) || within(opcode, 0x40, 0x7f) ||
                         within(opcode, 0x90, 0x9f) || within(opcode, 0xa3, 0xbf) || within(opcode, 0xc0, 0xc7) ||
                         within(opcode, 0xd0, 0xfe) || opcode == 0x01 || opcode == 0x0d;
  return has_modrm ? std::optional(Shape{true}) : std::nullopt;
}

std::optional<Shape> shape_of(const MemoryInstruction& it, uint8_t modrm) {
  switch (it.map) {
    case Map::one:
      return one_byte_shape(it.opcode, modrm, it.is_wide, it.half_width ? 2 : 4);
    case Map::two:
      return two_byte_shape(it.opcode);
    case Map::three_38:
      return Shape{true};
    case Map::three_3a:
      return Shape{true, 1};
  }
  return std::nullopt;
}

// The high bits that prefixes add to the numbers of registers.
struct Extensions {
  int reg = 0, index = 0, base = 0;
};

void take_memory(InstructionBytes& bytes, const Extensions& high, MemoryInstruction& it, MemoryOperand operand) {
  const int mode = it.modrm >> 6;
  int base = it.modrm & 7;
  if (base == kRsp) {
    const uint8_t sib = bytes.next();
    base = sib & 7;
    const int index = (sib >> 3 & 7) | high.index;
    if (index != kRsp) operand.index = index;
    operand.scale = 1 << (sib >> 6);
    if (base != kRbp || mode != 0) operand.base = base | high.base;
    if (base == kRbp && mode == 0) operand.displacement = bytes.number(4);
  } else if (base == kRbp && mode == 0) {
    operand.relative = true;
    operand.displacement = bytes.number(4);
  } else {
    operand.base = base | high.base;
  }
  if (mode != 0) operand.displacement = bytes.number(mode == 1 ? 1 : 4);
  it.memory = operand;
}

void take_vex(InstructionBytes& bytes, bool is_long, Extensions& high, MemoryInstruction& it) {
  it.is_vector = true;
  uint8_t last = bytes.next();
  high.reg = (last & 0x80) == 0 ? 8 : 0;
  it.map = Map::two;
  if (is_long) {
    high.index = (last & 0x40) == 0 ? 8 : 0;
    high.base = (last & 0x20) == 0 ? 8 : 0;
    it.map = static_cast<Map>(std::min(last & 0x1f, 4));
    last = bytes.next();
    it.is_wide = (last & 0x80) != 0;
  }
  it.vector_register = ~(last >> 3) & 0xf;
}

// False for an unknown map.
bool take_evex(InstructionBytes& bytes, Extensions& high, MemoryInstruction& it) {
  it.is_vector = true;
  const uint8_t first = bytes.next();
  high.reg = (first & 0x80) == 0 ? 8 : 0;
  high.index = (first & 0x40) == 0 ? 8 : 0;
  high.base = (first & 0x20) == 0 ? 8 : 0;
  it.map = static_cast<Map>(first & 7);
  const uint8_t second = bytes.next();
  it.is_wide = (second & 0x80) != 0;
  it.vector_register = ~(second >> 3) & 0xf;
  bytes.next();
  return (first & 7) >= 1 && (first & 7) <= 3;
}

}  // namespace

std::optional<MemoryInstruction> decode_instruction(std::span<const uint8_t> all) {
  InstructionBytes bytes(all.first(std::min(all.size(), kLongestInstruction)));
  MemoryInstruction it;
  MemoryOperand operand;
  Extensions high;
  uint8_t byte = bytes.next();
  for (;; byte = bytes.next()) {
    if (byte == 0x66) it.half_width = true;
    if (byte == 0xf2 || byte == 0xf3) it.repeats = true;
    if (byte == 0x64 || byte == 0x65) operand.is_computable = false;
    const bool is_prefix = byte == 0x66 || byte == 0xf2 || byte == 0xf3 || byte == 0xf0 || byte == 0x64 ||
                           byte == 0x65 || byte == 0x2e || byte == 0x3e || byte == 0x26 || byte == 0x36;
    if (!is_prefix || bytes.failed()) break;
  }
  if ((byte & 0xf0) == 0x40) {
    it.is_wide = (byte & 8) != 0;
    high = {(byte & 4) << 1, (byte & 2) << 2, (byte & 1) << 3};
    byte = bytes.next();
  }
  bool is_evex = false;
  if (byte == 0xc5 || byte == 0xc4) {
    take_vex(bytes, byte == 0xc4, high, it);
    byte = bytes.next();
  } else if (byte == 0x62) {
    is_evex = true;
    if (!take_evex(bytes, high, it)) return std::nullopt;
    byte = bytes.next();
  } else if (byte == 0x0f) {
    it.map = Map::two;
    byte = bytes.next();
    if (byte == 0x38 || byte == 0x3a) {
      it.map = byte == 0x38 ? Map::three_38 : Map::three_3a;
      byte = bytes.next();
    }
  }
  if (static_cast<int>(it.map) > static_cast<int>(Map::three_3a) || (it.is_vector && it.map == Map::one))
    return std::nullopt;
  it.opcode = byte;
  const std::optional<Shape> shape = shape_of(it, bytes.peek());
  if (!shape) return std::nullopt;
  it.reg = (byte & 7) | high.base;  // for opcodes that contain a register
  if (shape->modrm) {
    it.has_modrm = true;
    it.modrm = bytes.next();
    it.reg = (it.modrm >> 3 & 7) | high.reg;
    if (it.modrm >> 6 == 3) {
      it.rm = (it.modrm & 7) | high.base;
    } else {
      // EVEX counts short displacements in units of the operand.
      if (is_evex && it.modrm >> 6 == 1) operand.is_computable = false;
      take_memory(bytes, high, it, operand);
    }
  }
  it.immediate = bytes.number(shape->immediate);
  it.length = bytes.taken();
  return bytes.failed() ? std::nullopt : std::optional(it);
}

}  // namespace holdwatch
