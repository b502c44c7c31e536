// Recognises calls, jumps, PLT stubs and prologues by their bytes (Intel SDM, volume 2).
// Cold context only.
#include "symbolizer/unwind/code.h"

#include <algorithm>
#include <array>
#include <initializer_list>
#include <vector>

namespace holdwatch {

namespace {

constexpr size_t kMaxCallLength = 7;       // ff /2 with SIB and disp32, without prefixes
constexpr size_t kMaxScannedCode = 65536;  // of a function that may have jumped on to another
constexpr size_t kPrologueBytes = 64;

// Length of a ModRM byte with its SIB and displacement, from the two bytes it starts with.
size_t modrm_length(uint8_t modrm, uint8_t sib) {
  const unsigned mode = modrm >> 6;
  const unsigned base = modrm & 7;
  if (mode == 3) return 1;
  const size_t sib_length = base == 4 ? 1 : 0;
  if (mode == 1) return 2 + sib_length;
  if (mode == 2) return 5 + sib_length;
  const bool bare_displacement = base == 5 || (base == 4 && (sib & 7) == 5);
  return 1 + sib_length + (bare_displacement ? 4 : 0);
}

int32_t displacement(const unsigned char* bytes) {
  int32_t value;
  std::memcpy(&value, bytes, sizeof value);
  return value;
}

bool starts_with(const unsigned char* bytes, size_t size, std::initializer_list<uint8_t> wanted) {
  return size >= wanted.size() && std::equal(wanted.begin(), wanted.end(), bytes);
}

// The bytes of a prologue, taken instruction by instruction.
class Prologue {
 public:
  Prologue(const unsigned char* bytes, size_t size) : at_(bytes), left_(size) {}

  bool take(std::initializer_list<uint8_t> instruction) {
    if (!starts_with(at_, left_, instruction)) return false;
    advance(instruction.size());
    return true;
  }
  // A push of any general register.
  bool take_push() {
    if (left_ >= 1 && *at_ >= 0x50 && *at_ <= 0x57) return advance(1);
    if (left_ >= 2 && *at_ == 0x41 && at_[1] >= 0x50 && at_[1] <= 0x57) return advance(2);
    return false;
  }
  // sub $immediate, %rsp; for 128 gcc writes add $-128, %rsp, which is shorter.
  std::optional<uintptr_t> take_allocation() {
    if (take({0x48, 0x83, 0xc4, 0x80})) return 128;
    if (starts_with(at_, left_, {0x48, 0x83, 0xec}) && left_ >= 4 && at_[3] < 0x80) {
      const uintptr_t size = at_[3];
      advance(4);
      return size;
    }
    if (starts_with(at_, left_, {0x48, 0x81, 0xec}) && left_ >= 7 && displacement(at_ + 3) > 0) {
      const auto size = static_cast<uintptr_t>(displacement(at_ + 3));
      advance(7);
      return size;
    }
    return std::nullopt;
  }
  bool skip(size_t count) { return left_ >= count && advance(count); }

 private:
  bool advance(size_t count) {
    at_ += count;
    left_ -= count;
    return true;
  }
  const unsigned char* at_;
  size_t left_;
};

struct FrameShape {
  uintptr_t size = 0;
  bool has_allocation = false;  // besides pushes
};

// Of a function that begins with these bytes; empty if they are no prologue of the usual form.
FrameShape frame_of(const unsigned char* bytes, size_t size) {
  Prologue prologue(bytes, size);
  prologue.take({0xf3, 0x0f, 0x1e, 0xfa});  // endbr64
  // An over-aligned frame in gcc's way: lea 8(%rsp),%r10; and $-n,%rsp; push -8(%r10)
  if (prologue.take({0x4c, 0x8d, 0x54, 0x24, 0x08}) && prologue.take({0x48, 0x83, 0xe4})) {
    prologue.skip(1);
    prologue.take({0x41, 0xff, 0x72, 0xf8});
  }
  if (!prologue.take({0x55}) || !(prologue.take({0x48, 0x89, 0xe5}) || prologue.take({0x48, 0x8b, 0xec}))) return {};
  uintptr_t pushed = 0;
  while (prologue.take_push()) pushed += 8;
  const std::optional<uintptr_t> allocated = prologue.take_allocation();
  return {pushed + allocated.value_or(0), allocated.has_value()};
}

// Whether the instruction at `bytes`, if it is one, moves the stack pointer otherwise than a push, a pop or a return.
bool may_move_stack_pointer(const unsigned char* bytes, size_t size) {
  if (size < 3 || (bytes[0] & 0xf8) != 0x48) return false;  // without REX.W it would be half a stack pointer
  const uint8_t code = bytes[1];
  const uint8_t modrm = bytes[2];
  const bool is_to_rsp = (modrm & 0xc7) == 0xc4;                       // register operand, as destination in r/m
  const bool is_into_rsp = (modrm & 0x38) == 0x20;                     // the same in reg
  if (code == 0x29 || code == 0x21 || code == 0x89) return is_to_rsp;  // sub, and, mov
  // An epilogue takes it back to a place below rbp: lea -n(%rbp),%rsp.
  if (code == 0x8d && (modrm & 7) == 5) return false;
  if (code == 0x2b || code == 0x23 || code == 0x8b || code == 0x8d) return is_into_rsp;  // the same, and lea
  const bool is_lowering = modrm == 0xec || modrm == 0xe4;                               // sub, and with a constant
  const bool is_add_of_negative =
      modrm == 0xc4 && (code == 0x83 ? size > 3 && bytes[3] >= 0x80 : size > 6 && bytes[6] >= 0x80);
  return (code == 0x83 || code == 0x81) && (is_lowering || is_add_of_negative);
}

}  // namespace

bool Code::is_code(uintptr_t address) const {
  const Mapping* mapping = modules_.mapping(address);
  return mapping != nullptr && mapping->executable;
}

std::optional<Procedure> Code::procedure(uintptr_t pc) const {
  const Module* module = modules_.find(pc);
  return module == nullptr ? std::nullopt : find_procedure(*module, memory_, pc);
}

bool Code::follows_call(uintptr_t return_address) const {
  if (!is_code(return_address - 1)) return false;
  std::array<unsigned char, kMaxCallLength> before{};
  // The first bytes of a mapping may have less than this before them.
  size_t size = before.size();
  while (size >= 2 &&
         memory_.read_constant(return_address - size, before.data() + before.size() - size, size) != size) {
    --size;
  }
  const unsigned char* end = before.data() + before.size();
  if (size >= 5 && end[-5] == 0xe8) return true;
  for (size_t length = 2; length <= size && length <= kMaxCallLength; ++length) {
    const unsigned char* call = end - length;
    if (call[0] != 0xff || (call[1] >> 3 & 7) != 2) continue;
    if (1 + modrm_length(call[1], length > 2 ? call[2] : uint8_t{0}) == length) return true;
  }
  return false;
}

// Where the stub at `target` jumps to, if it is one ([endbr64] [bnd] jmp *slot(%rip)); else `target` itself.
uintptr_t Code::through_plt(uintptr_t target) const {
  std::array<unsigned char, 11> stub{};
  if (memory_.read_constant(target, stub.data(), stub.size()) != stub.size()) return target;
  size_t at = 0;
  if (starts_with(stub.data(), stub.size(), {0xf3, 0x0f, 0x1e, 0xfa})) at = 4;
  if (stub[at] == 0xf2) ++at;
  if (at + 6 > stub.size() || stub[at] != 0xff || stub[at + 1] != 0x25) return target;
  const uintptr_t slot = target + at + 6 + static_cast<uintptr_t>(intptr_t{displacement(stub.data() + at + 2)});
  return memory_.read_value<uintptr_t>(slot).value_or(target);
}

// Whether `called` may have left `callee` in its place: compilers end a function with a jump to another (a sibling
// call), and keep its rarely used part elsewhere. Bytes that only look like a jump make the answer milder, never
// stricter.
CallMatch Code::match_jumps(const Procedure& called, const std::optional<Procedure>& callee) const {
  const size_t size = std::min<size_t>(called.end - called.start, kMaxScannedCode);
  std::vector<unsigned char> bytes(size);
  if (memory_.read_constant(called.start, bytes.data(), size) != size) return CallMatch::doubtful;
  CallMatch match = CallMatch::contradicted;
  for (size_t at = 0; at + 2 <= size; ++at) {
    const bool conditional = bytes[at] == 0x0f && (bytes[at + 1] & 0xf0) == 0x80;
    if (conditional || bytes[at] == 0xe9) {
      const size_t length = conditional ? 6 : 5;
      if (at + length > size) continue;
      const uintptr_t next = called.start + at + length;
      const uintptr_t target = next + static_cast<uintptr_t>(intptr_t{displacement(bytes.data() + at + length - 4)});
      if (called.contains(target)) continue;
      if (callee && callee->contains(through_plt(target))) return CallMatch::possible;
      if (is_code(target)) match = CallMatch::doubtful;
    } else if (bytes[at] == 0xff && (bytes[at + 1] >> 3 & 7) == 4) {
      match = CallMatch::doubtful;  // a jump through a pointer
    }
  }
  return match;
}

CallMatch Code::match_call(uintptr_t return_address, uintptr_t callee_pc) const {
  if (!follows_call(return_address)) return CallMatch::contradicted;
  std::array<unsigned char, 5> call{};
  if (memory_.read_constant(return_address - 5, call.data(), call.size()) != call.size() || call[0] != 0xe8) {
    return CallMatch::possible;
  }
  const uintptr_t target =
      through_plt(return_address + static_cast<uintptr_t>(intptr_t{displacement(call.data() + 1)}));
  const std::optional<Procedure> callee = procedure(callee_pc);
  if (callee && callee->contains(target)) return CallMatch::proven;
  if (const std::optional<Procedure> called = procedure(target)) return match_jumps(*called, callee);
  // Code that no table describes, or an 0xe8 that belongs to a longer call through a pointer.
  return is_code(target) && callee ? CallMatch::doubtful : CallMatch::possible;
}

uintptr_t Code::frame_size(uintptr_t start) const {
  std::array<unsigned char, kPrologueBytes> bytes{};
  return frame_of(bytes.data(), memory_.read_constant(start, bytes.data(), bytes.size())).size;
}

bool Code::has_fixed_frame(const Procedure& procedure) const {
  const size_t size = procedure.end - procedure.start;
  if (size > kMaxScannedCode) return false;
  std::vector<unsigned char> bytes(size);
  if (memory_.read_constant(procedure.start, bytes.data(), size) != size) return false;
  // Bytes that only look like such an instruction make the answer no, never yes.
  size_t moves = 0;
  for (size_t at = 0; at < size; ++at) moves += may_move_stack_pointer(bytes.data() + at, size - at);
  return moves == (frame_of(bytes.data(), size).has_allocation ? 1 : 0);
}

}  // namespace holdwatch
