// See encoding.h.
#include "symbolizer/x86/encoding.h"

#include <algorithm>
#include <string_view>

#include "symbolizer/x86/registers.h"

namespace holdwatch {

namespace {

using Map = Encoding::Map;

constexpr int kRsp = static_cast<int>(EncodedRegister::rsp);
constexpr int kRbp = static_cast<int>(EncodedRegister::rbp);

// What follows each opcode, sixteen a line, as in the manual's opcode maps:
//
//   .  nothing                         m  ModRM
//   b  an immediate byte               B  ModRM, and a byte
//   z  2 bytes after 66, otherwise 4   Z  ModRM, and the same
//   v  the same, 8 with REX.W          t  ModRM, and a byte if the reg field is 0 or 1
//   d  4 bytes, the distance of a jump T  ModRM, and as z if the reg field is 0 or 1
//   w  2 bytes                         n  3 bytes
//   a  an address                      x  no instruction; also prefixes and escapes to other maps
constexpr std::string_view kOneByteMap =
    "mmmmbzxxmmmmbzxx"   // 00: arithmetic
    "mmmmbzxxmmmmbzxx"   // 10
    "mmmmbzxxmmmmbzxx"   // 20
    "mmmmbzxxmmmmbzxx"   // 30
    "xxxxxxxxxxxxxxxx"   // 40: REX
    "................"   // 50: push, pop
    "xxxmxxxxzZbB...."   // 60: movslq, push, imul, ports
    "bbbbbbbbbbbbbbbb"   // 70: short branches
    "BZxBmmmmmmmmmmmm"   // 80: arithmetic, test, xchg, mov, lea, pop
    "..........x....."   // 90: xchg, flags
    "aaaa....bz......"   // a0: mov, strings, test
    "bbbbbbbbvvvvvvvv"   // b0: mov
    "BBw.xxBZn.w..bx."   // c0: shifts, ret, mov, enter, leave, int
    "mmmmxxx.mmmmmmmm"   // d0: shifts, xlat, x87
    "bbbbbbbbddxb...."   // e0: loops, ports, call, jmp
    "x.xx..tT......mm";  // f0: hlt, groups, flags

constexpr std::string_view kTwoByteMap =
    "mmmmx.....x.xm.B"   // 00: system, syscall, ud2, prefetch
    "mmmmmmmmmmmmmmmm"   // 10: SSE moves, nop
    "mmmmxxxxmmmmmmmm"   // 20: control registers, SSE moves and conversions
    "......x.xxxxxxxx"   // 30: counters, sysenter
    "mmmmmmmmmmmmmmmm"   // 40: cmov
    "mmmmmmmmmmmmmmmm"   // 50: SSE
    "mmmmmmmmmmmmmmmm"   // 60
    "BBBBmmm.mmmmmmmm"   // 70
    "dddddddddddddddd"   // 80: branches
    "mmmmmmmmmmmmmmmm"   // 90: setcc
    "...mBmmm...mBmmm"   // a0: push, pop, bt, shld, shrd, imul
    "mmmmmmmmmmBmmmmm"   // b0: cmpxchg, movzx, movsx, bits
    "mmBmBBBm........"   // c0: xadd, SSE, bswap
    "mmmmmmmmmmmmmmmm"   // d0: SSE
    "mmmmmmmmmmmmmmmm"   // e0
    "mmmmmmmmmmmmmmmm";  // f0

static_assert(kOneByteMap.size() == 256 && kTwoByteMap.size() == 256);

// Takes bytes one by one; past the end it returns zeros and remembers that.
class ByteStream {
 public:
  ByteStream(const unsigned char* bytes, size_t size) : bytes_(bytes), size_(size) {}
  uint8_t next() { return at_ < size_ ? bytes_[at_++] : (has_ended_ = true, uint8_t{0}); }
  size_t taken() const { return at_; }
  bool has_ended() const { return has_ended_; }

  // `size` bytes as a signed number.
  int64_t number(size_t size) {
    uint64_t value = 0;
    for (size_t i = 0; i < size; ++i) value |= uint64_t{next()} << (8 * i);
    if (size == 0 || size == 8) return static_cast<int64_t>(value);
    const uint64_t sign = uint64_t{1} << (8 * size - 1);
    return static_cast<int64_t>((value ^ sign) - sign);
  }

 private:
  const unsigned char* bytes_;
  size_t size_;
  size_t at_ = 0;
  bool has_ended_ = false;
};

class Decoder {
 public:
  Decoder(const unsigned char* bytes, size_t size) : bytes_(bytes, std::min(size, kMaxInstruction)) {}

  std::optional<Encoding> run() {
    const uint8_t first = take_prefixes();
    if (!take_opcode(first)) return std::nullopt;
    const char form = form_of_opcode();
    if (form == 'x') return std::nullopt;
    if (std::string_view("mBZtT").find(form) != std::string_view::npos) take_modrm();
    if (form == 'a') {
      take_address();
    } else {
      out_.immediate = bytes_.number(immediate_size(form));
    }
    out_.length = bytes_.taken();
    return bytes_.has_ended() ? std::nullopt : std::optional(out_);
  }

 private:
  uint8_t take_prefixes();
  bool take_opcode(uint8_t first);
  void take_escape();
  bool take_vex(bool is_long);
  bool take_evex();
  void take_vector_extensions(uint8_t byte);
  void take_vector_prefix(uint8_t byte);
  char form_of_opcode() const;
  size_t immediate_size(char form) const;
  void take_modrm();
  MemoryOperand take_memory(int mode, int low);
  void take_address();
  bool has_vector_of_indices() const;

  ByteStream bytes_;
  Encoding out_;
  bool is_evex_ = false;
  int reg_extension_ = 0, index_extension_ = 0, base_extension_ = 0;  // the high bits that prefixes add to registers
};

// Returns the byte after the prefixes. REX counts only if it is the last of them.
uint8_t Decoder::take_prefixes() {
  uint8_t rex = 0;
  uint8_t byte = 0;
  for (;; rex = (byte & 0xf0) == 0x40 ? byte : uint8_t{0}) {
    byte = bytes_.next();
    if (byte == 0x66) out_.has_66 = true;
    if (byte == 0x67) out_.has_short_address = true;
    if (byte == 0xf2) out_.has_f2 = true;
    if (byte == 0xf3) out_.has_f3 = true;
    if (byte == 0x64 || byte == 0x65) out_.has_segment = true;
    constexpr std::string_view kPrefixes = "\x66\x67\xf2\xf3\x64\x65\x26\x2e\x36\x3e\xf0";
    const bool is_prefix = kPrefixes.find(static_cast<char>(byte)) != std::string_view::npos || (byte & 0xf0) == 0x40;
    if (!is_prefix || bytes_.has_ended()) break;
  }
  out_.has_rex = rex != 0;
  out_.is_wide = (rex & 8) != 0;
  reg_extension_ = (rex & 4) << 1;
  index_extension_ = (rex & 2) << 2;
  base_extension_ = (rex & 1) << 3;
  return byte;
}

bool Decoder::take_opcode(uint8_t first) {
  out_.opcode = first;
  if (first == 0x0f) {
    take_escape();
  } else if (first == 0xc4 || first == 0xc5 || first == 0x62) {
    if (out_.has_66 || out_.has_f2 || out_.has_f3 || out_.has_rex) return false;
    if (first == 0x62 ? !take_evex() : !take_vex(first == 0xc4)) return false;
  }
  out_.opcode_register = (out_.opcode & 7) | base_extension_;
  return true;
}

void Decoder::take_escape() {
  out_.map = Map::two;
  out_.opcode = bytes_.next();
  if (out_.opcode != 0x38 && out_.opcode != 0x3a) return;
  out_.map = out_.opcode == 0x38 ? Map::three_38 : Map::three_3a;
  out_.opcode = bytes_.next();
}

// The extensions are stored inverted.
void Decoder::take_vector_extensions(uint8_t byte) {
  reg_extension_ = (byte & 0x80) == 0 ? 8 : 0;
  index_extension_ = (byte & 0x40) == 0 ? 8 : 0;
  base_extension_ = (byte & 0x20) == 0 ? 8 : 0;
}

// The third register, and which prefix the opcode would have in its old encoding.
void Decoder::take_vector_prefix(uint8_t byte) {
  out_.third = ~(byte >> 3) & 15;
  out_.has_66 = (byte & 3) == 1;
  out_.has_f3 = (byte & 3) == 2;
  out_.has_f2 = (byte & 3) == 3;
}

bool Decoder::take_vex(bool is_long) {
  out_.is_vector = true;
  out_.map = Map::two;
  uint8_t byte = bytes_.next();
  reg_extension_ = (byte & 0x80) == 0 ? 8 : 0;
  if (is_long) {
    take_vector_extensions(byte);
    const int map = byte & 0x1f;
    if (map < 1 || map > 3) return false;
    out_.map = static_cast<Map>(map);
    byte = bytes_.next();
    out_.is_wide = (byte & 0x80) != 0;
  }
  take_vector_prefix(byte);
  out_.opcode = bytes_.next();
  return true;
}

bool Decoder::take_evex() {
  out_.is_vector = is_evex_ = true;
  const uint8_t first = bytes_.next();
  const uint8_t second = bytes_.next();
  bytes_.next();  // masks, rounding, length of vectors
  const int map = first & 7;
  if (map == 0 || map == 4 || map == 7 || (first & 8) != 0 || (second & 4) == 0) return false;
  out_.map = static_cast<Map>(map > 4 ? map - 1 : map);
  take_vector_extensions(first);
  take_vector_prefix(second);
  out_.is_wide = (second & 0x80) != 0;
  out_.opcode = bytes_.next();
  return true;
}

char Decoder::form_of_opcode() const {
  switch (out_.map) {
    case Map::one:
      return kOneByteMap[out_.opcode];
    case Map::two: {
      const char form = kTwoByteMap[out_.opcode];
      const bool has_vector_form = form == 'm' || form == 'B' || out_.opcode == 0x77;  // vzeroupper
      return out_.is_vector && !has_vector_form ? 'x' : form;
    }
    case Map::three_3a:
      return 'B';
    case Map::three_38:
    case Map::five:
    case Map::six:
      return 'm';
  }
  return 'x';
}

size_t Decoder::immediate_size(char form) const {
  const size_t word = out_.has_66 && !out_.is_wide ? 2 : 4;
  const bool is_test = out_.extension < 2;
  switch (form) {
    case 'b':
    case 'B':
      return 1;
    case 'z':
    case 'Z':
      return word;
    case 'v':
      return out_.is_wide ? 8 : word;
    case 't':
      return is_test ? 1 : 0;
    case 'T':
      return is_test ? word : 0;
    case 'd':
      return 4;
    case 'w':
      return 2;
    case 'n':
      return 3;
    default:
      return 0;
  }
}

void Decoder::take_modrm() {
  const uint8_t modrm = bytes_.next();
  const int mode = modrm >> 6;
  out_.has_modrm = true;
  out_.extension = modrm >> 3 & 7;
  out_.reg = out_.extension | reg_extension_;
  if (mode == 3) {
    out_.rm = (modrm & 7) | base_extension_;
    return;
  }
  out_.memory = take_memory(mode, modrm & 7);
}

// `low` without its extension selects the form: 4 stands for a SIB byte, 5 without displacement for a bare address.
MemoryOperand Decoder::take_memory(int mode, int low) {
  MemoryOperand memory;
  memory.has_segment = out_.has_segment;
  // EVEX counts short displacements in units of the operand.
  memory.is_computable =
      !out_.has_segment && !out_.has_short_address && !has_vector_of_indices() && !(is_evex_ && mode == 1);
  const bool has_sib = low == kRsp;
  if (has_sib) {
    const uint8_t sib = bytes_.next();
    low = sib & 7;
    const int index = (sib >> 3 & 7) | index_extension_;
    if (index != kRsp) memory.index = index;
    memory.scale = static_cast<uint8_t>(1u << (sib >> 6));
  }
  const bool is_bare = mode == 0 && low == kRbp;
  memory.is_relative = is_bare && !has_sib;
  if (!is_bare) memory.base = low | base_extension_;
  if (mode == 1) memory.displacement = bytes_.number(1);
  if (mode == 2 || is_bare) memory.displacement = bytes_.number(4);
  return memory;
}

// Gathers, scatters and their prefetches: the index is a vector register.
bool Decoder::has_vector_of_indices() const {
  const uint8_t code = out_.opcode;
  return out_.is_vector && out_.map == Map::three_38 &&
         ((code >= 0x90 && code <= 0x93) || (code >= 0xa0 && code <= 0xa3) || code == 0xc6 || code == 0xc7);
}

void Decoder::take_address() {
  MemoryOperand memory;
  memory.has_segment = out_.has_segment;
  memory.is_computable = !out_.has_segment && !out_.has_short_address;
  memory.displacement = bytes_.number(out_.has_short_address ? 4 : 8);
  out_.memory = memory;
}

}  // namespace

std::optional<Encoding> decode_encoding(const unsigned char* bytes, size_t size) {
  return Decoder(bytes, size).run();
}

}  // namespace holdwatch
