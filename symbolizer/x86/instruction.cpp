// See instruction.h.
#include "symbolizer/x86/instruction.h"

#include "symbolizer/x86/side_effects.h"

namespace holdwatch {

namespace {

using Map = Encoding::Map;

constexpr int kRax = static_cast<int>(EncodedRegister::rax);

// The operation of an arithmetic instruction, by its number in opcodes and reg fields: add, or, adc, sbb, and, sub, xor,
// cmp. `other`: it depends on the carry, or has no result.
constexpr Operation kArithmetic[] = {Operation::add,     Operation::bit_or,   Operation::other,   Operation::other,
                                     Operation::bit_and, Operation::subtract, Operation::bit_xor, Operation::other};

constexpr unsigned kCompare = 7;  // in that list

// Whether the reg field selects an instruction, where it is part of the opcode.
bool is_valid_group(const Encoding& in) {
  if (in.map != Map::one) return true;
  const bool is_transaction = in.extension == 7 && in.rm == kRax;  // xabort, xbegin
  switch (in.opcode) {
    case 0x8d:
      return in.memory.has_value();
    case 0x8f:
      return in.extension == 0;  // the others begin XOP
    case 0xc6:
    case 0xc7:
      return in.extension == 0 || is_transaction;
    case 0xfe:
      return in.extension < 2;
    case 0xff:
      return in.extension != 7 && (in.memory || (in.extension != 3 && in.extension != 5));
    default:
      return true;
  }
}

constexpr bool is_within(uint8_t value, uint8_t first, uint8_t last) {
  return value >= first && value <= last;
}

// Begins with what the opcode alone tells, and replaces it where the operation is understood.
class Reader {
 public:
  Reader(const Encoding& encoding, uintptr_t address) : in_(encoding), next_(address + encoding.length) {}

  Instruction run() {
    const SideEffects effects = side_effects_of(in_);
    out_.length = in_.length;
    out_.is_wide = in_.is_wide;
    out_.clobbers = effects.registers;
    out_.memory = in_.memory;
    if (in_.memory) out_.use_of_memory = effects.writes_memory ? MemoryUse::write : MemoryUse::read;
    if (in_.is_vector) return out_;
    if (in_.map == Map::one) one_byte();
    if (in_.map == Map::two) two_bytes();
    return out_;
  }

 private:
  // 32 or 64 bits; other sizes are not understood.
  bool is_full() const { return in_.is_wide || !in_.has_66; }

  void one_byte();
  void two_bytes();
  void arithmetic();
  void arithmetic_with_constant();
  void moves();
  void constants();
  void shifts();
  void strings();
  void stack();
  void group_ff();
  void control();

  void set(Operation operation, int to);
  void set_from_register(Operation operation, int to, int from);
  void set_from_rm(Operation operation, int to);
  void set_from_constant(Operation operation, int to, int64_t constant);
  void push_or_pop(Operation operation, int to = kNoRegister);
  void jump(Operation operation);
  void use_rm();

  const Encoding& in_;
  uintptr_t next_;
  Instruction out_;
};

void Reader::set(Operation operation, int to) {
  out_.operation = operation;
  out_.reg = to;
  out_.clobbers = 0;
}

void Reader::set_from_register(Operation operation, int to, int from) {
  set(operation, to);
  out_.source = Source::reg;
  out_.rm = from;
}

void Reader::set_from_rm(Operation operation, int to) {
  set(operation, to);
  use_rm();
}

void Reader::set_from_constant(Operation operation, int to, int64_t constant) {
  const bool is_subtracted = operation == Operation::subtract;
  set(is_subtracted ? Operation::add : operation, to);
  out_.source = Source::constant;
  out_.constant = is_subtracted ? -constant : constant;
}

void Reader::use_rm() {
  out_.source = in_.memory ? Source::memory : Source::reg;
  out_.rm = in_.rm;
}

// Without REX.W too it is 64 bits; with 16 the stack pointer moves by 2, which is not understood.
void Reader::push_or_pop(Operation operation, int to) {
  if (!is_full()) return;
  set(operation, to);
  out_.is_wide = true;
}

void Reader::jump(Operation operation) {
  out_.operation = operation;
  out_.target = next_ + static_cast<uintptr_t>(in_.immediate);
}

// Opcodes below 40: the number of the operation, and the form of its operands.
void Reader::arithmetic() {
  const unsigned kind = in_.opcode >> 3;
  const unsigned form = in_.opcode & 7;
  if (form % 2 == 0 || !is_full()) return;
  const int to = form == 1 ? in_.rm : in_.reg;
  const int from = form == 1 ? in_.reg : in_.rm;
  if (kind == kCompare) {
    if (form != 5 && in_.is_wide && !in_.memory) set_from_register(Operation::compare, to, from);
    return;
  }
  const Operation operation = kArithmetic[kind];
  if (operation == Operation::other) return;
  if (form == 5) return set_from_constant(operation, kRax, in_.immediate);
  if (operation == Operation::bit_xor && to == from) return set_from_constant(Operation::move, to, 0);
  if (form == 3) return set_from_rm(operation, to);
  if (!in_.memory) set_from_register(operation, to, from);
}

// 81, 83
void Reader::arithmetic_with_constant() {
  const Operation operation = kArithmetic[in_.extension];
  if (in_.memory || !is_full() || operation == Operation::other) return;
  set_from_constant(operation, in_.rm, in_.immediate);
}

void Reader::moves() {
  if (!is_full()) return;
  switch (in_.opcode) {
    case 0x63:  // movslq; without REX.W a plain move
      return set_from_rm(in_.is_wide ? Operation::sign_extend : Operation::move, in_.reg);
    case 0x89:
      if (!in_.memory) return set_from_register(Operation::move, in_.rm, in_.reg);
      return set_from_register(Operation::store, kNoRegister, in_.reg);
    case 0x8b:
      return set_from_rm(Operation::move, in_.reg);
    case 0x8d:
      if (!in_.has_short_address) set(Operation::address, in_.reg);
      return;
    case 0x98:
      if (in_.is_wide) set_from_register(Operation::sign_extend, kRax, kRax);
      return;
    default:
      return;
  }
}

// b8 to bf, c7
void Reader::constants() {
  if (!is_full() || in_.extension == 7) return;
  const int64_t constant = in_.is_wide ? in_.immediate : in_.immediate & 0xffffffff;
  if (in_.memory) return set_from_constant(Operation::store, kNoRegister, in_.immediate);
  set_from_constant(Operation::move, in_.has_modrm ? in_.rm : in_.opcode_register, constant);
}

// c1
void Reader::shifts() {
  constexpr int kShl = 4, kShr = 5;
  if (in_.memory || !is_full() || (in_.extension != kShl && in_.extension != kShr)) return;
  set_from_constant(in_.extension == kShl ? Operation::shift_left : Operation::shift_right, in_.rm,
                    in_.immediate & (in_.is_wide ? 63 : 31));
}

void Reader::strings() {
  if (in_.has_segment || in_.has_short_address) return;
  const uint8_t code = in_.opcode & 0xfe;
  constexpr uint8_t kMovs = 0xa4, kCmps = 0xa6, kStos = 0xaa, kLods = 0xac, kScas = 0xae;
  out_.reads_at_rsi = code == kMovs || code == kCmps || code == kLods;
  if (code == kMovs || code == kStos) out_.use_at_rdi = MemoryUse::write;
  if (code == kCmps || code == kScas) out_.use_at_rdi = MemoryUse::read;
}

void Reader::stack() {
  const uint8_t code = in_.opcode;
  if (is_within(code, 0x50, 0x57)) {
    push_or_pop(Operation::push);
    out_.source = Source::reg;
    out_.rm = in_.opcode_register;
  } else if (is_within(code, 0x58, 0x5f)) {
    push_or_pop(Operation::pop, in_.opcode_register);
  } else if (code == 0x68 || code == 0x6a) {
    push_or_pop(Operation::push);
    out_.source = Source::constant;
    out_.constant = in_.immediate;
  } else if (code == 0x8f) {
    push_or_pop(Operation::pop, in_.rm);
  } else if (code == 0x9c) {
    push_or_pop(Operation::push);
  } else if (code == 0x9d) {
    push_or_pop(Operation::pop);
  } else if (code == 0xc9) {
    push_or_pop(Operation::leave);
  }
}

void Reader::group_ff() {
  switch (in_.extension) {
    case 0:
    case 1:
      if (!in_.memory && is_full()) set_from_constant(Operation::add, in_.rm, in_.extension == 0 ? 1 : -1);
      return;
    case 2:
      out_.operation = Operation::call_indirect;
      out_.clobbers = kCallerSavedRegisters;
      break;
    case 3:  // a far call
      out_.clobbers = kCallerSavedRegisters;
      return;
    case 4:
      out_.operation = Operation::jump_indirect;
      break;
    case 5:  // a far jump: the pointer is not an address alone
      out_.operation = Operation::jump_indirect;
      out_.memory->is_computable = false;
      break;
    case 6:
      push_or_pop(Operation::push);
      break;
    default:
      return;
  }
  out_.is_wide = true;
  use_rm();
}

// Calls, jumps and what ends a path.
void Reader::control() {
  const uint8_t code = in_.opcode;
  if (is_within(code, 0x70, 0x7f)) {
    out_.condition = code & 15;
    jump(Operation::branch);
  } else if (is_within(code, 0xe0, 0xe3)) {
    jump(Operation::branch);
  } else if (code == 0xe8) {
    jump(Operation::call);
    out_.clobbers = kCallerSavedRegisters;
  } else if (code == 0xe9 || code == 0xeb) {
    jump(Operation::jump);
  } else if (code == 0xc7 && in_.extension == 7) {  // xbegin
    jump(Operation::branch);
  } else if (code == 0xc2 || code == 0xc3 || code == 0xca || code == 0xcb || code == 0xcf) {
    out_.operation = Operation::ret;
  } else if (code == 0xcc) {
    out_.operation = Operation::breakpoint;
  } else if (code == 0xf4) {
    out_.operation = Operation::stop;
  }
}

void Reader::one_byte() {
  const uint8_t code = in_.opcode;
  if (code < 0x40) return arithmetic();
  if (code == 0x81 || code == 0x83) return arithmetic_with_constant();
  if (is_within(code, 0xb8, 0xbf)) return constants();
  if (code == 0xc1) return shifts();
  if (code == 0xff) return group_ff();
  if (is_within(code, 0xa4, 0xa7) || is_within(code, 0xaa, 0xaf)) return strings();
  if (code == 0x8d) out_.use_of_memory = MemoryUse::none;
  if (code == 0xc7) constants();
  if (code == 0x90 && in_.opcode_register == kRax) {
    set(in_.has_f3 ? Operation::other : Operation::nop, kNoRegister);  // pause
    return;
  }
  moves();
  stack();
  control();
}

void Reader::two_bytes() {
  const uint8_t code = in_.opcode;
  if (code == 0x0d || is_within(code, 0x18, 0x1f)) out_.use_of_memory = MemoryUse::none;  // prefetches
  if (is_within(code, 0x80, 0x8f)) {
    out_.condition = code & 15;
    jump(Operation::branch);
  } else if (code == 0x0b) {
    out_.operation = Operation::stop;
  } else if (code == 0x1f) {
    out_.operation = Operation::nop;
  } else if (code == 0xa0 || code == 0xa8) {
    push_or_pop(Operation::push);
  } else if (code == 0xa1 || code == 0xa9) {
    push_or_pop(Operation::pop);
  } else if ((code == 0xb6 || code == 0xb7) && is_full()) {
    set_from_rm(Operation::zero_extend, in_.reg);
    out_.source_size = code == 0xb6 ? 1 : 2;
    if (code == 0xb6 && !in_.memory) out_.source = Source::unknown;  // it may be ah to bh
  }
}

}  // namespace

std::optional<Instruction> decode(const unsigned char* bytes, size_t size, uintptr_t address) {
  const std::optional<Encoding> encoding = decode_encoding(bytes, size);
  if (!encoding || !is_valid_group(*encoding)) return std::nullopt;
  return Reader(*encoding, address).run();
}

uint32_t changed_registers(const Instruction& instruction) {
  constexpr uint32_t kRspBit = register_bit(EncodedRegister::rsp);
  uint32_t changed = instruction.clobbers;
  if (instruction.operation != Operation::compare) changed |= register_bit(instruction.reg);
  if (instruction.operation == Operation::push || instruction.operation == Operation::pop) changed |= kRspBit;
  if (instruction.operation == Operation::leave) changed |= kRspBit | register_bit(EncodedRegister::rbp);
  return changed;
}

}  // namespace holdwatch
