// See side_effects.h. Source: Intel SDM, volume 2, the description of each instruction.
#include "symbolizer/x86/side_effects.h"

#include <algorithm>
#include <iterator>
#include <string_view>

#include "symbolizer/x86/registers.h"

namespace holdwatch {

namespace {

using Map = Encoding::Map;

constexpr uint32_t kAx = register_bit(EncodedRegister::rax);
constexpr uint32_t kCx = register_bit(EncodedRegister::rcx);
constexpr uint32_t kDx = register_bit(EncodedRegister::rdx);
constexpr uint32_t kBx = register_bit(EncodedRegister::rbx);
constexpr uint32_t kSp = register_bit(EncodedRegister::rsp);
constexpr uint32_t kBp = register_bit(EncodedRegister::rbp);
constexpr uint32_t kSi = register_bit(EncodedRegister::rsi);
constexpr uint32_t kDi = register_bit(EncodedRegister::rdi);
constexpr uint32_t kR11 = register_bit(EncodedRegister::r11);

// Which operands an instruction changes.
enum Operands : unsigned { kNone = 0, kReg = 1, kRm = 2, kMemory = 4, kOpcode = 8 };

struct Change {
  char letter;
  unsigned operands;
  uint32_t registers;  // whatever the operands are
};

// The letters of the maps below. One for several instructions stands for all that any of them changes.
constexpr Change kChanges[] = {
    {'.', kNone, 0},
    {'r', kReg, 0},  // the register in the reg field
    {'m', kRm, 0},   // the register or memory in rm
    {'w', kMemory, 0},
    {'x', kReg | kRm, 0},
    {'o', kOpcode, 0},  // the register in the opcode
    {'e', kOpcode, kAx},
    {'p', kOpcode, kSp},  // pop
    {'P', kRm, kSp},
    {'a', kNone, kAx},
    {'c', kNone, kCx},
    {'d', kNone, kAx | kDx},
    {'t', kNone, kAx | kCx | kDx},  // rdtscp
    {'q', kNone, kAx | kBx | kCx | kDx},
    {'s', kNone, kSp},
    {'f', kNone, kSp | kBp},
    {'S', kNone, kAx | kCx | kSi | kDi},  // strings
    {'y', kNone, kAx | kCx | kR11},       // system calls
    {'C', kRm, kAx},                      // cmpxchg
    {'Q', kRm, kAx | kDx},                // cmpxchg16b, rdrand
};

// Letters for groups, whose reg field selects the instruction: g, b, T and G. Which letter the selected one has.
char letter_in_group(char letter, int extension) {
  constexpr std::string_view kArithmetic = "mmmmmmm.";  // cmp is the last
  constexpr std::string_view kBits = "mmmm.mmm";        // bt, bts, btr, btc from 4 on
  constexpr std::string_view kTest = "..mmdddd";        // test twice, not, neg, mul, imul, div, idiv
  constexpr std::string_view kInc = "mm....s.";         // inc, dec, calls and jumps, push
  const auto selected = static_cast<size_t>(extension);
  if (letter == 'g') return kArithmetic[selected];
  if (letter == 'b') return kBits[selected];
  if (letter == 'T') return kTest[selected];
  return letter == 'G' ? kInc[selected] : letter;
}

// What each opcode changes, sixteen a line.
constexpr std::string_view kOneByteMap =
    "mmrraa..mmrraa.."   // 00: add, or
    "mmrraa..mmrraa.."   // 10: adc, sbb
    "mmrraa..mmrraa.."   // 20: and, sub
    "mmrraa.........."   // 30: xor, cmp
    "................"   // 40
    "sssssssspppppppp"   // 50: push, pop
    "...r....srsrSSSS"   // 60: movslq, push, imul, ports
    "................"   // 70: branches
    "gggg..xxmmrrmr.P"   // 80: arithmetic, test, xchg, mov, lea, pop
    "eeeeeeeead..ss.a"   // 90: xchg, cltq, cltd, pushf, popf, lahf
    "aammSSSS..SSSSSS"   // a0: mov, strings, test
    "oooooooooooooooo"   // b0: mov
    "mm....mmff...a.."   // c0: shifts, mov, enter, int
    "mmmm...a........"   // d0: shifts, xlat, x87; fnstsw is an exception
    "ccc.aa......aa.."   // e0: loop, in
    "......TT......mG";  // f0

constexpr std::string_view kTwoByteMap =
    "mqrr.y.........."   // 00: sldt, a group of its own, lar, lsl, syscall
    ".w.w...w........"   // 10: SSE stores; rdssp is an exception
    "mm.......w.wrr.."   // 20: mov of control registers, SSE stores, cvtss2si
    ".ddd............"   // 30: rdtsc, rdmsr, rdpmc
    "rrrrrrrrrrrrrrrr"   // 40: cmov
    "r..............."   // 50: movmskps
    "................"   // 60
    "........m.....mw"   // 70: vmread, movd, movdqa
    "................"   // 80: branches
    "mmmmmmmmmmmmmmmm"   // 90: setcc
    "ssq.mmSSss.mmmmr"   // a0: push, pop, cpuid, shld, padlock, bts, shrd, rdfsbase, imul
    "CCrmrrrrr.bmrrrr"   // b0: cmpxchg, btr, movzx, popcnt, btc, bsf, bsr, movsx
    "xx.w.r.Qoooooooo"   // c0: xadd, movnti, pextrw, bswap
    "......wr........"   // d0: movq, pmovmskb
    ".......w........"   // e0: movntdq
    "................";  // f0

static_assert(kOneByteMap.size() == 256 && kTwoByteMap.size() == 256);

// In the other maps most opcodes are about vectors only.
struct Row {
  uint8_t first, last;
  char letter;
};

constexpr Row kThree38[] = {{0xf0, 0xff, 'r'}};  // movbe, crc32, adcx, adox
constexpr Row kThree3a[] = {{0x14, 0x17, 'm'},   // pextr
                            {0x61, 0x61, 'c'},   // pcmpestri
                            {0x63, 0x63, 'c'}};  // pcmpistri

constexpr Row kVectorTwo[] = {{0x11, 0x11, 'w'}, {0x13, 0x13, 'w'}, {0x17, 0x17, 'w'}, {0x29, 0x29, 'w'},
                              {0x2b, 0x2b, 'w'}, {0x2c, 0x2d, 'r'},                     // vcvtss2si
                              {0x50, 0x50, 'r'},                                        // vmovmskps
                              {0x78, 0x79, 'r'},                                        // vcvtss2usi
                              {0x7e, 0x7e, 'm'},                                        // vmovd
                              {0x7f, 0x7f, 'w'}, {0x91, 0x91, 'w'}, {0x93, 0x93, 'r'},  // kmov
                              {0xc5, 0xc5, 'r'}, {0xd6, 0xd6, 'w'}, {0xd7, 0xd7, 'r'}, {0xe7, 0xe7, 'w'}};
constexpr Row kVector38[] = {{0x2e, 0x2f, 'w'},
                             {0x8e, 0x8e, 'w'},   // vmaskmov
                             {0xe0, 0xff, 'r'}};  // BMI; and the third register
constexpr Row kVector3a[] = {{0x14, 0x17, 'm'},   // vpextr
                             {0x19, 0x19, 'w'}, {0x1b, 0x1b, 'w'}, {0x1d, 0x1d, 'w'},
                             {0x39, 0x39, 'w'}, {0x3b, 0x3b, 'w'},  // vextract, vcvtps2ph
                             {0x61, 0x61, 'c'}, {0x63, 0x63, 'c'},  // as above
                             {0xf0, 0xf0, 'r'}};                    // rorx
constexpr Row kVectorFive[] = {{0x11, 0x11, 'w'},
                               {0x2c, 0x2d, 'r'},   // vcvtsh2si
                               {0x78, 0x79, 'r'},   // vcvtsh2usi
                               {0x7e, 0x7e, 'm'}};  // vmovw

template <size_t N>
char letter_in(const Row (&rows)[N], uint8_t opcode) {
  const Row* row = std::find_if(std::begin(rows), std::end(rows),
                                [opcode](const Row& one) { return opcode >= one.first && opcode <= one.last; });
  return row == std::end(rows) ? '.' : row->letter;
}

// 0f 01, where rm selects the instruction together with the reg field. Any that is not listed may change what cpuid
// changes: calls of a hypervisor or of an enclave.
char letter_of_system_group(const Encoding& encoding) {
  constexpr int kStoreTables = 1, kSmsw = 4, kLmsw = 6;  // reg fields: sgdt and sidt up to 1
  const int extension = encoding.extension;
  if (extension == kSmsw) return 'm';
  if (encoding.memory) return extension <= kStoreTables ? 'w' : '.';
  constexpr struct {
    int extension, rm;
    char letter;
  } kListed[] = {{1, 0, '.'}, {1, 1, '.'},  // monitor, mwait
                 {2, 0, 'd'},               // xgetbv
                 {2, 5, '.'}, {2, 6, '.'},  // xend, xtest: in the locks of glibc
                 {5, 6, 'd'}, {5, 7, '.'},  // rdpkru, wrpkru
                 {7, 0, '.'}, {7, 1, 't'},  // swapgs, rdtscp
                 {7, 5, 'd'}};              // rdpru
  for (const auto& one : kListed)
    if (extension == one.extension && encoding.rm == one.rm) return one.letter;
  return extension == kLmsw ? '.' : 'q';
}

char letter_of_two_byte(const Encoding& encoding) {
  const uint8_t code = encoding.opcode;
  if (code == 0x7e && encoding.has_f3) return '.';  // movq between vector registers, or from memory
  if (encoding.is_vector) return letter_in(kVectorTwo, code);
  if (code == 0x01) return letter_of_system_group(encoding);
  if (code == 0x1e && encoding.has_f3 && encoding.extension == 1) return 'm';  // rdssp
  return kTwoByteMap[code];
}

char letter_of(const Encoding& encoding) {
  const uint8_t code = encoding.opcode;
  switch (encoding.map) {
    case Map::one: {
      const bool is_fnstsw = code == 0xdf && encoding.extension == 4 && encoding.rm == 0;
      return is_fnstsw ? 'a' : kOneByteMap[code];
    }
    case Map::two:
      return letter_of_two_byte(encoding);
    case Map::three_38:
      return encoding.is_vector ? letter_in(kVector38, code) : letter_in(kThree38, code);
    case Map::three_3a:
      return encoding.is_vector ? letter_in(kVector3a, code) : letter_in(kThree3a, code);
    case Map::five:
      return letter_in(kVectorFive, code);
    case Map::six:
      return '.';
  }
  return '.';
}

// Whether its operands are bytes: then, without REX, the numbers 4 to 7 stand for ah to bh.
bool has_byte_operands(const Encoding& encoding) {
  if (encoding.is_vector) return false;
  const uint8_t code = encoding.opcode;
  if (encoding.map == Map::two) return (code & 0xf0) == 0x90 || code == 0xb0 || code == 0xc0;
  if (encoding.map != Map::one) return false;
  if (code >= 0xb0 && code <= 0xbf) return code < 0xb8;
  constexpr std::string_view kByteOpcodes = "\x80\x86\x88\x8a\xc0\xc6\xd0\xd2\xf6\xfe";
  return code < 0x40 ? (code & 1) == 0 : kByteOpcodes.find(static_cast<char>(code)) != std::string_view::npos;
}

// The register with this number in one of the instruction's fields.
uint32_t changed(int number, const Encoding& encoding) {
  const bool is_high_byte = number >= 4 && number < 8 && !encoding.has_rex && has_byte_operands(encoding);
  return register_bit(is_high_byte ? number - 4 : number);
}

const Change& change_of(const Encoding& encoding) {
  const char letter = letter_in_group(letter_of(encoding), encoding.extension);
  const auto* const change = std::find_if(std::begin(kChanges), std::end(kChanges),
                                          [letter](const Change& one) { return one.letter == letter; });
  return change == std::end(kChanges) ? kChanges[0] : *change;
}

}  // namespace

SideEffects side_effects_of(const Encoding& encoding) {
  const Change& change = change_of(encoding);
  SideEffects effects{change.registers, encoding.memory && (change.operands & (kRm | kMemory)) != 0};
  if ((change.operands & kReg) != 0) effects.registers |= changed(encoding.reg, encoding);
  if ((change.operands & kRm) != 0) effects.registers |= changed(encoding.rm, encoding);
  if ((change.operands & kOpcode) != 0) effects.registers |= changed(encoding.opcode_register, encoding);
  // Some of BMI's write to the register in VEX.
  if (encoding.is_vector && encoding.map == Map::three_38 && change.letter == 'r')
    effects.registers |= register_bit(encoding.third);
  return effects;
}

}  // namespace holdwatch
