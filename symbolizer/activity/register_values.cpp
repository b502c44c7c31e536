// See register_values.h.
#include "symbolizer/activity/register_values.h"

#include <algorithm>
#include <map>

namespace holdwatch {
namespace {

using Map = MemoryInstruction::Map;

constexpr size_t kMaxCode = 65536;
constexpr size_t kMaxSteps = 200'000;
constexpr size_t kFramesFollowed = 3;
enum RegisterNumber { kRax = 0, kRcx = 1, kRdx = 2, kRbx = 3, kRsp = 4, kRbp = 5, kRsi = 6, kRdi = 7 };

using Value = std::optional<uint64_t>;

void forget(RegisterValues& values, std::initializer_list<int> numbers) {
  for (const int number : numbers)
    if (number != kNoRegister) values[static_cast<size_t>(number)].reset();
}

// The calling convention preserves the others.
void forget_by_call(RegisterValues& values) {
  forget(values, {kRax, kRcx, kRdx, kRsi, kRdi, 8, 9, 10, 11});
}

bool is_string_operation(const MemoryInstruction& it) {
  return it.map == Map::one && ((it.opcode >= 0xa4 && it.opcode <= 0xa7) || (it.opcode >= 0xaa && it.opcode <= 0xaf));
}

// Whether it writes no general register, although its fields look like register numbers.
bool is_of_vectors_only(const MemoryInstruction& it) {
  const uint8_t code = it.opcode;
  if (it.map == Map::three_38) return code < 0xf0;
  if (it.map == Map::three_3a) return code < 0x14 || (code > 0x17 && code < 0xf0);
  if (it.map == Map::one) return false;
  const bool moves = (code >= 0x10 && code <= 0x17) || (code >= 0x28 && code <= 0x2b) || code == 0x2e || code == 0x2f;
  const bool computes = (code >= 0x51 && code <= 0x76) || code == 0x7c || code == 0x7d || code == 0x7f;
  return moves || computes || code == 0xc2 || code == 0xc6 || (code >= 0xd0 && code <= 0xd6) || code >= 0xd8;
}

// Whether it certainly changes no register at all.
bool changes_nothing(const MemoryInstruction& it) {
  if (is_of_vectors_only(it)) return true;
  const uint8_t code = it.opcode;
  if (it.map == Map::two)
    return code == 0x0d || (code >= 0x18 && code <= 0x1f) || (code >= 0x80 && code <= 0x8f) || code == 0xa3 ||
           code == 0x77 || code == 0x0b;
  if (it.map != Map::one) return false;
  const bool compares = (code >= 0x38 && code <= 0x3d) || code == 0x84 || code == 0x85 || code == 0xa8 || code == 0xa9;
  const bool compares_constant = (code == 0x80 || code == 0x81 || code == 0x83) && it.extension() == 7;
  const bool jumps = (code >= 0x70 && code <= 0x7f) || code == 0xeb || code == 0xe9;
  const bool tests = (code == 0xf6 || code == 0xf7) && it.extension() < 2;
  return compares || compares_constant || jumps || tests || code == 0x90 || code == 0xcc || code == 0xf4;
}

bool is_indirect_jump(const MemoryInstruction& it) {
  return it.is(Map::one, 0xff) && (it.extension() == 4 || it.extension() == 5);
}

bool is_call(const MemoryInstruction& it) {
  return it.is(Map::one, 0xe8) || (it.is(Map::one, 0xff) && it.extension() == 2);
}

bool is_conditional_jump(const MemoryInstruction& it) {
  return (it.map == Map::one &&
          ((it.opcode >= 0x70 && it.opcode <= 0x7f) || (it.opcode >= 0xe0 && it.opcode <= 0xe3))) ||
         (it.map == Map::two && !it.is_vector && it.opcode >= 0x80 && it.opcode <= 0x8f);
}

bool is_jump(const MemoryInstruction& it) {
  return it.is(Map::one, 0xe9) || it.is(Map::one, 0xeb);
}

// Whether execution never continues after it.
bool ends(const MemoryInstruction& it) {
  return is_jump(it) || it.is(Map::one, 0xc3) || it.is(Map::one, 0xc2) || it.is(Map::one, 0xf4) ||
         it.is(Map::two, 0x0b);
}

// Whether the reg field is part of the opcode.
bool is_group(const MemoryInstruction& it) {
  const uint8_t code = it.opcode;
  if (it.map == Map::two) return code < 0x02 || code == 0xae || code == 0xba || code == 0xc7;
  if (it.map != Map::one) return false;
  const bool shifts = code == 0xc0 || code == 0xc1 || (code >= 0xd0 && code <= 0xd3);
  const bool floats = code >= 0xd8 && code <= 0xdf;
  return shifts || floats || code == 0x80 || code == 0x81 || code == 0x83 || code == 0x8f || code == 0xc6 ||
         code == 0xc7 || code == 0xf6 || code == 0xf7 || code == 0xfe || code == 0xff;
}

// Whether its other operand is only read.
bool writes_reg_alone(const MemoryInstruction& it) {
  const uint8_t code = it.opcode;
  if (it.map == Map::one) return code == 0x69 || code == 0x6b || code == 0x8a || (code < 0x40 && (code & 7) == 2);
  if (it.map != Map::two) return false;
  return (code >= 0x40 && code <= 0x4f) || code == 0xaf || code == 0xb8 || (code >= 0xbc && code <= 0xbf) ||
         code == 0x2c || code == 0x2d || code == 0x50 || code == 0xc5 || code == 0xd7;
}

bool has_register_in_opcode(const MemoryInstruction& it) {
  const uint8_t code = it.opcode;
  if (it.map == Map::two) return code >= 0xc8 && code <= 0xcf;  // bswap
  return it.map == Map::one && ((code >= 0x90 && code <= 0x97) || (code >= 0xb0 && code <= 0xbf));
}

bool moves_stack_pointer_oddly(const MemoryInstruction& it) {
  const uint8_t code = it.opcode;
  if (it.map == Map::two) return code == 0xa0 || code == 0xa1 || code == 0xa8 || code == 0xa9;
  return it.map == Map::one && (code == 0x8f || code == 0x9c || code == 0x9d);
}

// Applies one instruction at a time to a thread's registers.
class Machine {
 public:
  explicit Machine(MemoryReader& memory) : memory_(memory) {}

  // The registers after `it`, which is followed by `next`.
  RegisterValues after(const MemoryInstruction& it, RegisterValues values, uintptr_t next) {
    values_ = std::move(values);
    it_ = &it;
    next_ = next;
    if (!changes_nothing(it) && !take()) forget_all_written();
    return values_;
  }

 private:
  bool is_full() const { return it_->is_wide || !it_->half_width; }
  Value& reg() { return values_[static_cast<size_t>(it_->reg)]; }

  // A value as it is stored in a register by an instruction of this width.
  Value sized(Value value) const {
    if (value && !it_->is_wide) *value &= 0xffffffff;
    return value;
  }

  Value load(size_t size) {
    const auto address = address_of(*it_->memory, values_, next_);
    uint64_t value = 0;
    if (!address || memory_.read(*address, &value, size) != size) return std::nullopt;
    return value;
  }

  // The operand that may be in memory.
  Value operand() {
    if (it_->rm != kNoRegister) return sized(values_[static_cast<size_t>(it_->rm)]);
    return load(it_->is_wide ? 8 : 4);
  }

  // Writes to the operand: a store to memory changes no register.
  void put(Value value) {
    if (it_->rm != kNoRegister) values_[static_cast<size_t>(it_->rm)] = sized(value);
  }

  // False if the instruction is not one of those that are followed.
  bool take() {
    if (it_->is_vector) return false;
    if (it_->map == Map::two) return take_two_bytes();
    return it_->map == Map::one && (take_stack() || (is_full() && (take_move() || take_arithmetic())));
  }

  bool take_stack() {
    const uint8_t code = it_->opcode;
    const bool pushes =
        (code >= 0x50 && code <= 0x57) || code == 0x68 || code == 0x6a || (code == 0xff && it_->extension() == 6);
    Value& rsp = values_[kRsp];
    if (pushes) {
      if (rsp) *rsp -= 8;
      return true;
    }
    if (code >= 0x58 && code <= 0x5f) {
      const int into = it_->reg;
      values_[static_cast<size_t>(into)] = rsp ? memory_.read_value<uint64_t>(*rsp) : std::nullopt;
      if (rsp && into != kRsp) *rsp += 8;
      return true;
    }
    if (code == 0xc9) {
      rsp = values_[kRbp];
      values_[kRbp] = rsp ? memory_.read_value<uint64_t>(*rsp) : std::nullopt;
      if (rsp) *rsp += 8;
      return true;
    }
    if (!is_call(*it_)) return false;
    forget_by_call(values_);
    return true;
  }

  bool take_move() {
    const uint8_t code = it_->opcode;
    if (code == 0x89) return put(sized(reg())), true;
    if (code == 0x8b) return reg() = operand(), true;
    if (code == 0x88) return put(std::nullopt), true;
    if (code >= 0xb8 && code <= 0xbf) return reg() = sized(static_cast<uint64_t>(it_->immediate)), true;
    if (code == 0xc7 || code == 0xc6)
      return put(code == 0xc7 ? Value(static_cast<uint64_t>(it_->immediate)) : Value{}), true;
    if (code == 0x8d && it_->memory) {
      const auto address = address_of(*it_->memory, values_, next_);
      return reg() = sized(address ? Value(*address) : Value{}), true;
    }
    if (code == 0x63) {
      const Value value = it_->rm != kNoRegister ? values_[static_cast<size_t>(it_->rm)] : load(4);
      const auto extended = [](uint64_t number) { return static_cast<uint64_t>(static_cast<int32_t>(number)); };
      return reg() = sized(value ? Value(extended(*value)) : Value{}), true;
    }
    return false;
  }

  static Value computed(int operation, Value left, Value right) {
    if (!left || !right) return std::nullopt;
    switch (operation) {
      case 0:
        return *left + *right;
      case 1:
        return *left | *right;
      case 4:
        return *left & *right;
      case 5:
        return *left - *right;
      case 6:
        return *left ^ *right;
      default:
        return std::nullopt;  // with carry
    }
  }

  bool take_arithmetic() {
    const uint8_t code = it_->opcode;
    if (code == 0x81 || code == 0x83)
      return put(computed(it_->extension(), operand(), static_cast<uint64_t>(it_->immediate))), true;
    if (code < 0x38 && (code & 7) == 1) {
      const bool is_zero = code == 0x31 && it_->rm == it_->reg;
      return put(is_zero ? Value(0) : computed(code >> 3, operand(), sized(reg()))), true;
    }
    if (code < 0x38 && (code & 7) == 3) {
      const bool is_zero = code == 0x33 && it_->rm == it_->reg;
      return reg() = is_zero ? Value(0) : sized(computed(code >> 3, sized(reg()), operand())), true;
    }
    if (code < 0x38 && (code & 7) == 5) {
      Value& rax = values_[kRax];
      return rax = sized(computed(code >> 3, sized(rax), static_cast<uint64_t>(it_->immediate))), true;
    }
    if (code == 0xff && it_->extension() < 2) return put(computed(it_->extension() == 0 ? 0 : 5, operand(), 1)), true;
    if (code == 0xc1 && (it_->extension() == 4 || it_->extension() == 5)) {
      const Value value = operand();
      const auto by = static_cast<unsigned>(it_->immediate) & (it_->is_wide ? 63 : 31);
      return put(!value ? Value{} : Value(it_->extension() == 4 ? *value << by : *value >> by)), true;
    }
    return false;
  }

  bool take_two_bytes() {
    const uint8_t code = it_->opcode;
    if (code == 0xb6 || code == 0xb7) {                                        // movzx
      const bool from_byte_register = code == 0xb6 && it_->rm != kNoRegister;  // may be ah to bh
      const size_t size = code == 0xb6 ? 1 : 2;
      Value value = it_->rm == kNoRegister ? load(size)
                    : from_byte_register   ? Value{}
                                           : values_[static_cast<size_t>(it_->rm)];
      if (value) *value &= 0xffff;
      return reg() = value, true;
    }
    if (code >= 0x90 && code <= 0x9f) return put(std::nullopt), true;  // setcc
    return false;
  }

  // Forgets everything that an instruction which is not followed may have written.
  void forget_all_written() {
    const uint8_t code = it_->opcode;
    if (it_->has_modrm ? !is_group(*it_) : has_register_in_opcode(*it_)) forget(values_, {it_->reg});
    if (!writes_reg_alone(*it_)) forget(values_, {it_->rm});
    forget(values_, {it_->vector_register});
    if (moves_stack_pointer_oddly(*it_)) forget(values_, {kRsp});
    if (is_string_operation(*it_)) forget(values_, {kRax, kRcx, kRsi, kRdi});
    const bool multiplies = it_->map == Map::one && (code == 0xf6 || code == 0xf7);
    const bool extends = it_->map == Map::one && (code == 0x98 || code == 0x99 || (code >= 0x9e && code <= 0x9f));
    const bool exchanges = it_->map == Map::one && code >= 0x90 && code <= 0x97;
    if (multiplies || extends || exchanges || (it_->map == Map::one && it_->opcode < 0x40))
      forget(values_, {kRax, kRdx});
    if (it_->map == Map::one && code >= 0xe0 && code <= 0xe3) forget(values_, {kRcx});
    // cpuid, rdtsc, system calls, compare and exchange: rare, and each with its own fixed registers.
    const bool is_special = it_->map == Map::two && (code < 0x10 || code == 0x31 || code == 0xa2 || code == 0xb0 ||
                                                     code == 0xb1 || code == 0xc7 || code == 0xae || code == 0x05);
    if (is_special) forget(values_, {kRax, kRcx, kRdx, kRbx, 11});
  }

  MemoryReader& memory_;
  RegisterValues values_;
  const MemoryInstruction* it_ = nullptr;
  uintptr_t next_ = 0;
};

// One function, followed from its beginning along all its paths.
class Follower {
 public:
  Follower(const CodeFrame& frame, MemoryReader& memory) : frame_(frame), memory_(memory), machine_(memory) {}

  std::optional<KnownPlace> place(const RegisterValues& at_start) {
    const size_t size = frame_.end - frame_.start;
    if (frame_.end <= frame_.start || size > kMaxCode) return std::nullopt;
    code_.resize(size);
    if (memory_.read(frame_.start, code_.data(), size) != size) return std::nullopt;
    reach(frame_.start, at_start);
    for (size_t step = 0; !open_.empty(); ++step) {
      const uintptr_t at = open_.back();
      open_.pop_back();
      if (step == kMaxSteps || !follow(at)) return std::nullopt;
    }
    return found_;
  }

 private:
  // Notes that the instruction at `at` may be reached with these values too.
  void reach(uintptr_t at, const RegisterValues& values) {
    if (at < frame_.start || at >= frame_.end) return;  // a tail call, or the rarely used part of the function
    const auto [known, is_new] = known_.try_emplace(at, values);
    bool changed = is_new;
    for (size_t i = 0; i < values.size(); ++i) {
      if (!known->second[i] || known->second[i] == values[i]) continue;
      known->second[i].reset();
      changed = true;
    }
    if (changed) open_.push_back(at);
  }

  // False if the next instruction cannot be determined.
  bool follow(uintptr_t at) {
    const auto it = decode_instruction(std::span(code_).subspan(at - frame_.start));
    if (!it) return false;
    const RegisterValues before = known_.at(at);
    const uintptr_t next = at + it->length;
    if (frame_.pc_is_exact ? at == frame_.pc : next == frame_.pc) found_ = KnownPlace{*it, before};
    if (is_indirect_jump(*it)) return false;
    const RegisterValues after = machine_.after(*it, before, next);
    if (is_jump(*it) || is_conditional_jump(*it)) reach(next + static_cast<uintptr_t>(it->immediate), after);
    if (!ends(*it)) reach(next, after);
    return true;
  }

  const CodeFrame& frame_;
  MemoryReader& memory_;
  Machine machine_;
  std::vector<uint8_t> code_;
  std::map<uintptr_t, RegisterValues> known_;
  std::vector<uintptr_t> open_;
  std::optional<KnownPlace> found_;
};

// The target of the stub at `target`, if it is one in a procedure linkage table; otherwise `target` itself.
uintptr_t through_slot(uintptr_t target, MemoryReader& memory) {
  std::array<uint8_t, 2 * kLongestInstruction> bytes{};
  const size_t size = memory.read(target, bytes.data(), bytes.size());
  uintptr_t at = target;
  while (at < target + size) {
    const auto it = decode_instruction(std::span(bytes).first(size).subspan(at - target));
    if (!it) break;
    at += it->length;
    const bool is_marker = it->is(Map::two, 0x1e);  // endbr64
    if (is_marker) continue;
    if (!is_indirect_jump(*it) || !it->memory || !it->memory->relative) break;
    const auto slot = address_of(*it->memory, {}, at);
    return slot ? memory.read_value<uintptr_t>(*slot).value_or(target) : target;
  }
  return target;
}

// The function that a call leads to; none if it is called through an unknown pointer.
std::optional<uintptr_t> target_of(const KnownPlace& call, uintptr_t next, MemoryReader& memory) {
  const MemoryInstruction& it = call.instruction;
  if (it.is(Map::one, 0xe8)) return through_slot(next + static_cast<uintptr_t>(it.immediate), memory);
  if (!is_call(it)) return std::nullopt;
  if (it.rm != kNoRegister) return call.registers[static_cast<size_t>(it.rm)];
  const auto slot = address_of(*it.memory, call.registers, next);
  return slot ? memory.read_value<uintptr_t>(*slot) : std::nullopt;
}

// The registers at the entry of `callee`'s function: unknown if another function was called in between, which then
// jumped there.
RegisterValues at_start_of(const CodeFrame& callee, const CodeFrame& caller, const std::optional<KnownPlace>& call,
                           MemoryReader& memory) {
  RegisterValues values;
  if (call && target_of(*call, caller.pc, memory) == callee.start) values = call->registers;
  values[kRsp] = callee.cfa - 8;
  return values;
}

}  // namespace

std::optional<uintptr_t> address_of(const MemoryOperand& operand, const RegisterValues& registers, uintptr_t next) {
  if (!operand.is_computable) return std::nullopt;
  auto address = static_cast<uintptr_t>(operand.displacement);
  if (operand.relative) address += next;
  if (operand.base != kNoRegister) {
    const Value& base = registers[static_cast<size_t>(operand.base)];
    if (!base) return std::nullopt;
    address += *base;
  }
  if (operand.index == kNoRegister) return address;
  const Value& index = registers[static_cast<size_t>(operand.index)];
  if (!index) return std::nullopt;
  return address + *index * static_cast<uintptr_t>(operand.scale);
}

std::optional<KnownPlace> place_of(const std::vector<CodeFrame>& frames, MemoryReader& memory) {
  std::optional<KnownPlace> place;
  for (size_t i = std::min(frames.size(), kFramesFollowed); i-- > 0;) {
    RegisterValues at_start;
    at_start[kRsp] = frames[i].cfa - 8;
    if (i + 1 < std::min(frames.size(), kFramesFollowed))
      at_start = at_start_of(frames[i], frames[i + 1], place, memory);
    place = Follower(frames[i], memory).place(at_start);
  }
  return place;
}

}  // namespace holdwatch
