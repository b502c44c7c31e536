// Parses .eh_frame_hdr, FDE and CIE: as the Linux Standard Base's "Exception Frames" and DWARF 4, section 6.4, say.
// Cold context only.
#include "symbolizer/unwind/eh_frame.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <vector>

namespace holdwatch {

namespace {

constexpr size_t kTableEntrySize = 8;    // two sdata4, relative to .eh_frame_hdr
constexpr size_t kMaxEntrySize = 16384;  // of one CIE or FDE; real ones have some hundred bytes
constexpr uint64_t kRegisterCount = 17;  // rax ... r15 and the return address
constexpr uint64_t kReturnAddressColumn = 16;

// Bytes that have been copied, read from front to back; `good` turns false at the first read beyond the end.
class Bytes {
 public:
  Bytes(const unsigned char* data, size_t size) : at_(data), end_(data + size) {}

  bool good() const { return good_; }
  bool more() const { return good_ && at_ != end_; }
  size_t left() const { return static_cast<size_t>(end_ - at_); }
  const unsigned char* position() const { return at_; }

  template <typename T>
  T take() {
    T value{};
    if (!skip(sizeof value)) return T{};
    std::memcpy(&value, at_ - sizeof value, sizeof value);
    return value;
  }

  bool skip(uint64_t count) {
    if (!good_ || count > left()) return good_ = false;
    at_ += count;
    return true;
  }

  uint64_t take_leb128() {  // the sign does not matter to any check here
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
      const auto byte = take<uint8_t>();
      value |= static_cast<uint64_t>(byte & 0x7f) << shift;
      if ((byte & 0x80) == 0) return value;
    }
    good_ = false;
    return 0;
  }

  Bytes take_block(uint64_t size) {
    const unsigned char* start = at_;
    return skip(size) ? Bytes(start, size) : Bytes(start, 0);
  }

 private:
  const unsigned char* at_;
  const unsigned char* end_;
  bool good_ = true;
};

// Size of a pointer in one of the encodings that compilers use; 0 for any other.
size_t encoded_size(uint8_t encoding) {
  switch (encoding & 0x0f) {
    case 0x00:
    case 0x04:
    case 0x0c:
      return 8;  // absptr, udata8, sdata8
    case 0x03:
    case 0x0b:
      return 4;  // udata4, sdata4
    default:
      return 0;
  }
}

struct CommonInformation {
  uint8_t pointer_encoding = 0;
  bool sized_augmentation = false;
  bool defines_cfa = false;
};

// One operand of a call-frame instruction, as far as the checks care.
enum class Operand : uint8_t { none, byte, half, word, leb128, register_number, expression, pointer };

struct Instruction {
  uint8_t code;
  Operand first, second;
  bool defines_cfa;
};

// DWARF 4, figure 40, and the GNU extension 0x2e (args_size). Anything else is refused.
constexpr std::array<Instruction, 22> kInstructions{{
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

// A DWARF expression of arithmetic, constants, registers and memory, which is all that compilers and libc put there.
// Refused with the rest: branches, which may never end, and division, which traps for INT64_MIN / -1.
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

// Walks a program without running it: every instruction known, every register in range, nothing beyond the end.
// Registers beyond the general ones (vector registers, which the Windows ABI saves) are refused, as libunwind does.
bool check_program(Bytes program, uint8_t pointer_encoding, bool& defines_cfa) {
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
                              [byte](const Instruction& instruction) { return instruction.code == byte; });
    if (known == kInstructions.end()) return false;
    if (!take_operand(program, known->first, pointer_encoding)) return false;
    if (!take_operand(program, known->second, pointer_encoding)) return false;
    defines_cfa = defines_cfa || known->defines_cfa;
  }
  return program.good();
}

// The bytes of the CIE or FDE at `address`, without its length field; empty if that makes no sense.
std::vector<unsigned char> read_entry(const Module& module, MemoryReader& memory, uintptr_t address) {
  if (!module.contains(address) || module.end - address < 8) return {};
  const auto length = memory.read_constant_value<uint32_t>(address);
  // 0xffffffff would announce the 64-bit form, which nobody emits for .eh_frame.
  if (!length || *length < 4 || *length > kMaxEntrySize || *length > module.end - address - 4) return {};
  std::vector<unsigned char> bytes(*length);
  if (memory.read_constant(address + 4, bytes.data(), bytes.size()) != bytes.size()) return {};
  return bytes;
}

bool take_augmentation(std::string_view augmentation, Bytes& data, CommonInformation& out) {
  for (const char letter : augmentation) {
    switch (letter) {
      case 'z':
        break;
      case 'S':
        break;
      case 'L':
        data.skip(1);
        break;
      case 'R':
        out.pointer_encoding = data.take<uint8_t>();
        break;
      case 'P': {
        const size_t size = encoded_size(data.take<uint8_t>());
        if (size == 0) return false;
        data.skip(size);
        break;
      }
      default:
        return false;
    }
  }
  return data.good();
}

std::optional<CommonInformation> read_common_information(const Module& module, MemoryReader& memory,
                                                         uintptr_t address) {
  const std::vector<unsigned char> entry = read_entry(module, memory, address);
  Bytes bytes(entry.data(), entry.size());
  const auto id = bytes.take<uint32_t>();
  const auto version = bytes.take<uint8_t>();
  if (id != 0 || (version != 1 && version != 3)) return std::nullopt;

  const std::string_view rest(reinterpret_cast<const char*>(bytes.position()), bytes.left());
  const std::string_view augmentation = rest.substr(0, rest.find('\0'));
  if (augmentation.size() > 7 || !bytes.skip(augmentation.size() + 1)) return std::nullopt;
  bytes.take_leb128();  // code alignment
  bytes.take_leb128();  // data alignment
  const uint64_t return_column = version == 1 ? bytes.take<uint8_t>() : bytes.take_leb128();
  if (!bytes.good() || return_column != kReturnAddressColumn) return std::nullopt;

  CommonInformation out;
  if (!augmentation.empty()) {
    if (augmentation.front() != 'z') return std::nullopt;
    out.sized_augmentation = true;
    Bytes data = bytes.take_block(bytes.take_leb128());
    if (!take_augmentation(augmentation, data, out)) return std::nullopt;
  }
  if (!bytes.good() || !check_program(bytes, out.pointer_encoding, out.defines_cfa)) return std::nullopt;
  return out;
}

// The range that the FDE at `address` describes; nothing if it or its CIE is not sound.
std::optional<std::pair<uintptr_t, uintptr_t>> read_frame_description(const Module& module, MemoryReader& memory,
                                                                      uintptr_t address) {
  const std::vector<unsigned char> entry = read_entry(module, memory, address);
  Bytes bytes(entry.data(), entry.size());
  const auto cie_distance = bytes.take<uint32_t>();
  if (!bytes.good() || cie_distance == 0) return std::nullopt;  // 0: this is a CIE
  const auto common = read_common_information(module, memory, address + 4 - cie_distance);
  if (!common) return std::nullopt;

  const size_t size = encoded_size(common->pointer_encoding);
  const unsigned base = common->pointer_encoding & 0xf0u;
  if (size == 0 || (base != 0x00 && base != 0x10)) return std::nullopt;  // absolute or relative to the field
  const uintptr_t field = address + 8;
  const bool is_signed = (common->pointer_encoding & 0x08) != 0;
  uintptr_t start = size == 8   ? bytes.take<uint64_t>()
                    : is_signed ? static_cast<uintptr_t>(intptr_t{bytes.take<int32_t>()})
                                : uintptr_t{bytes.take<uint32_t>()};
  if (base == 0x10) start += field;
  const uintptr_t length = size == 8 ? bytes.take<uint64_t>() : bytes.take<uint32_t>();
  if (common->sized_augmentation) bytes.skip(bytes.take_leb128());
  bool defines_cfa = common->defines_cfa;
  if (!bytes.good() || !check_program(bytes, common->pointer_encoding, defines_cfa) || !defines_cfa) {
    return std::nullopt;
  }
  if (!module.contains(start) || length == 0 || length > module.end - start) return std::nullopt;
  return std::pair{start, start + length};
}

struct SearchTable {
  uintptr_t address = 0;
  size_t count = 0;
};

// Version 1, then the encodings of: the pointer to .eh_frame, the count, the table. Only the table that every linker
// writes (sorted, sdata4 relative to the header) can be searched.
std::optional<SearchTable> read_search_table(const Module& module, MemoryReader& memory) {
  if (module.eh_frame_hdr == 0 || module.eh_frame_hdr_size < 12) return std::nullopt;
  const auto head = memory.read_constant_value<std::array<uint8_t, 4>>(module.eh_frame_hdr);
  if (!head || (*head)[0] != 1 || ((*head)[2] != 0x03 && (*head)[2] != 0x0b) || (*head)[3] != 0x3b) return std::nullopt;
  const size_t pointer_size = encoded_size((*head)[1]);
  const size_t table_offset = 4 + pointer_size + 4;
  if (pointer_size == 0 || table_offset > module.eh_frame_hdr_size) return std::nullopt;
  const auto count = memory.read_constant_value<uint32_t>(module.eh_frame_hdr + 4 + pointer_size);
  if (!count || *count > (module.eh_frame_hdr_size - table_offset) / kTableEntrySize) return std::nullopt;
  return SearchTable{module.eh_frame_hdr + table_offset, *count};
}

}  // namespace

std::optional<Procedure> find_procedure(const Module& module, MemoryReader& memory, uintptr_t pc) {
  const std::optional<SearchTable> table = read_search_table(module, memory);
  if (!table) return std::nullopt;
  size_t low = 0;
  size_t high = table->count;
  while (low < high) {
    const size_t middle = low + (high - low) / 2;
    const auto start = memory.read_constant_value<int32_t>(table->address + middle * kTableEntrySize);
    if (!start) return std::nullopt;
    if (module.eh_frame_hdr + static_cast<uintptr_t>(intptr_t{*start}) <= pc) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  if (low == 0) return std::nullopt;
  const uintptr_t entry = table->address + (low - 1) * kTableEntrySize;
  const auto description = memory.read_constant_value<int32_t>(entry + 4);
  if (!description) return std::nullopt;
  const auto range =
      read_frame_description(module, memory, module.eh_frame_hdr + static_cast<uintptr_t>(intptr_t{*description}));
  if (!range || pc < range->first || pc >= range->second) return std::nullopt;
  return Procedure{range->first, range->second, entry};
}

}  // namespace holdwatch
