// The evaluation of instructions is compared with the processor: random instructions with random registers, flags and memory
// are executed, and what the machine says is known has to be what the processor made of it.
#include "symbolizer/guards/machine.h"

#include <setjmp.h>
#include <signal.h>
#include <sys/mman.h>

#include <algorithm>
#include <array>

#include <cstdio>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "tests/catch.h"
#include "tests/unit/fake_process.h"
#include "tests/unit/instructions_of_libraries.h"

using namespace holdwatch;
using test::ByteVector;

namespace {

// What is loaded into the processor, and stored after the instruction. The assembly below uses these offsets.
struct State {
  std::array<uint64_t, 16> general;                 // 0
  std::array<std::array<uint64_t, 2>, 16> vectors;  // 128
  uint64_t flags;                                   // 384
};

extern "C" void execute_bytes(State* state, const void* code);
extern "C" const char executed_bytes[];

asm(R"(
  .local its_stack, its_state, its_code, its_rdi
  .comm its_stack, 8, 8
  .comm its_state, 8, 8
  .comm its_code, 8, 8
  .comm its_rdi, 8, 8
  .text
  .type execute_bytes, @function
execute_bytes:
  push %rbx
  push %rbp
  push %r12
  push %r13
  push %r14
  push %r15
  mov %rsp, its_stack(%rip)
  mov %rdi, its_state(%rip)
  mov %rsi, its_code(%rip)
  .irp number, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
  movups 128 + 16 * \number(%rdi), %xmm\number
  .endr
  push 384(%rdi)
  popfq
  mov 0(%rdi), %rax
  mov 8(%rdi), %rcx
  mov 16(%rdi), %rdx
  mov 24(%rdi), %rbx
  mov 32(%rdi), %rsp
  mov 40(%rdi), %rbp
  mov 48(%rdi), %rsi
  .irp number, 8, 9, 10, 11, 12, 13, 14, 15
  mov 8 * \number(%rdi), %r\number
  .endr
  mov 56(%rdi), %rdi
  jmp *its_code(%rip)
  .globl executed_bytes
executed_bytes:
  mov %rdi, its_rdi(%rip)
  mov its_state(%rip), %rdi
  mov %rax, 0(%rdi)
  mov %rcx, 8(%rdi)
  mov %rdx, 16(%rdi)
  mov %rbx, 24(%rdi)
  mov %rsp, 32(%rdi)
  mov %rbp, 40(%rdi)
  mov %rsi, 48(%rdi)
  .irp number, 8, 9, 10, 11, 12, 13, 14, 15
  mov %r\number, 8 * \number(%rdi)
  .endr
  mov its_rdi(%rip), %rax
  mov %rax, 56(%rdi)
  mov its_stack(%rip), %rsp
  pushfq
  pop 384(%rdi)
  cld
  .irp number, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
  movups %xmm\number, 128 + 16 * \number(%rdi)
  .endr
  pop %r15
  pop %r14
  pop %r13
  pop %r12
  pop %rbp
  pop %rbx
  ret
  .size execute_bytes, . - execute_bytes
)");

sigjmp_buf after_fault;

void leave_fault(int) {
  siglongjmp(after_fault, 1);
}

// An instruction that the processor refuses ends in one of these signals; its stack pointer may lead nowhere.
class FaultsAreCaught {
 public:
  FaultsAreCaught() {
    const stack_t stack{stack_.data(), 0, stack_.size()};
    sigaltstack(&stack, &old_stack_);
    struct sigaction action {};
    action.sa_handler = leave_fault;
    action.sa_flags = SA_ONSTACK;
    for (size_t i = 0; i < std::size(kSignals); ++i) sigaction(kSignals[i], &action, &old_actions_[i]);
  }
  ~FaultsAreCaught() {
    for (size_t i = 0; i < std::size(kSignals); ++i) sigaction(kSignals[i], &old_actions_[i], nullptr);
    sigaltstack(&old_stack_, nullptr);
  }
  FaultsAreCaught(const FaultsAreCaught&) = delete;
  FaultsAreCaught& operator=(const FaultsAreCaught&) = delete;

 private:
  static constexpr int kSignals[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP};
  std::vector<char> stack_ = std::vector<char>(1u << 16);
  stack_t old_stack_{};
  std::array<struct sigaction, std::size(kSignals)> old_actions_{};
};

constexpr size_t kPage = 4096;
constexpr size_t kData = 512;

// A page with the instruction, which is followed by a jump back, and one with the bytes that it may access.
class Page {
 public:
  Page() {
    bytes_ = static_cast<unsigned char*>(
        mmap(nullptr, 2 * kPage, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    REQUIRE(bytes_ != MAP_FAILED);
  }
  ~Page() { munmap(bytes_, 2 * kPage); }
  Page(const Page&) = delete;
  Page& operator=(const Page&) = delete;

  uintptr_t code() const { return reinterpret_cast<uintptr_t>(bytes_); }
  uintptr_t data() const { return code() + kPage + kPage / 2; }
  unsigned char* contents() const { return bytes_ + kPage + kPage / 2; }

  // Whether the processor accepts it.
  bool execute(const ByteVector& instruction, State& state) const {
    ByteVector code = instruction;
    test::append(code, {0xff, 0x25, 0, 0, 0, 0});  // jmp *0(%rip)
    test::append_value(code, reinterpret_cast<uintptr_t>(executed_bytes));
    std::copy(code.begin(), code.end(), bytes_);
    if (sigsetjmp(after_fault, 1) != 0) return false;
    execute_bytes(&state, bytes_);
    return true;
  }

 private:
  unsigned char* bytes_;
};

using Random = std::mt19937_64;

bool one_of(Random& random, unsigned count) {
  return random() % count == 0;
}

uint64_t any_value(Random& random) {
  static constexpr uint64_t kCorners[] = {0,
                                          1,
                                          0x7f,
                                          0x80,
                                          0xff,
                                          0x7fff,
                                          0x8000,
                                          0x7fffffff,
                                          0x80000000,
                                          0xffffffff,
                                          0x7fffffffffffffff,
                                          0x8000000000000000,
                                          UINT64_MAX};
  return one_of(random, 3) ? kCorners[random() % std::size(kCorners)] : random();
}

// How instructions are encoded: an opcode, then what follows it.
struct Form {
  ByteVector opcode;
  enum class Rest : uint8_t { none, modrm, in_opcode } rest = Rest::modrm;
  int digit = -1;  // in the place of the second operand
  enum class Constant : uint8_t { none, byte, by_size, full } constant = Constant::none;
  int prefix = 0;  // one that is part of the opcode
  bool only_memory = false;
};

std::vector<Form> all_forms() {
  using Rest = Form::Rest;
  using Constant = Form::Constant;
  std::vector<Form> forms;
  const auto add = [&](std::initializer_list<int> opcode, Rest rest = Rest::modrm, int digit = -1,
                       Constant constant = Constant::none, int prefix = 0, bool only_memory = false) {
    ByteVector bytes;
    for (const int byte : opcode) bytes.push_back(static_cast<unsigned char>(byte));
    forms.push_back({bytes, rest, digit, constant, prefix, only_memory});
  };
  for (int kind = 0; kind < 8; ++kind) {  // add, or, adc, sbb, and, sub, xor, cmp
    for (int form = 0; form < 4; ++form) add({8 * kind + form});
    add({8 * kind + 4}, Rest::none, -1, Constant::byte);
    add({8 * kind + 5}, Rest::none, -1, Constant::by_size);
    add({0x80}, Rest::modrm, kind, Constant::byte);
    add({0x81}, Rest::modrm, kind, Constant::by_size);
    add({0x83}, Rest::modrm, kind, Constant::byte);
    for (const int opcode : {0xc0, 0xc1}) add({opcode}, Rest::modrm, kind, Constant::byte);  // rotations and shifts
    for (const int opcode : {0xd0, 0xd1, 0xd2, 0xd3}) add({opcode}, Rest::modrm, kind);
  }
  for (const int opcode : {0x84, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8a, 0x8b, 0x63})
    add({opcode});                                        // test, xchg, mov, movsxd
  add({0x8d}, Rest::modrm, -1, Constant::none, 0, true);  // lea
  add({0xa8}, Rest::none, -1, Constant::byte);
  add({0xa9}, Rest::none, -1, Constant::by_size);
  for (const int opcode : {0xf6, 0xf7}) {
    add({opcode}, Rest::modrm, 0, opcode == 0xf6 ? Constant::byte : Constant::by_size);
    for (int digit = 2; digit < 8; ++digit) add({opcode}, Rest::modrm, digit);  // not, neg, mul, imul, div, idiv
  }
  add({0xc6}, Rest::modrm, 0, Constant::byte);
  add({0xc7}, Rest::modrm, 0, Constant::by_size);
  add({0xb0}, Rest::in_opcode, -1, Constant::byte);
  add({0xb8}, Rest::in_opcode, -1, Constant::full);
  for (const int opcode : {0x50, 0x58, 0x90}) add({opcode}, Rest::in_opcode);  // push, pop, xchg
  add({0xff}, Rest::modrm, 6);
  add({0x8f}, Rest::modrm, 0);
  add({0x6a}, Rest::none, -1, Constant::byte);
  add({0x68}, Rest::none, -1, Constant::by_size);
  for (const int opcode : {0xc9, 0x98, 0x99, 0xf5, 0xf8, 0xf9, 0x9e, 0x9f}) add({opcode}, Rest::none);
  for (const int opcode : {0xfe, 0xff}) {
    add({opcode}, Rest::modrm, 0);
    add({opcode}, Rest::modrm, 1);
  }
  add({0x69}, Rest::modrm, -1, Constant::by_size);
  add({0x6b}, Rest::modrm, -1, Constant::byte);
  for (const int opcode : {0xaf, 0xb6, 0xb7, 0xbe, 0xbf, 0xc0, 0xc1, 0xb0, 0xb1, 0xa3, 0xbc, 0xbd}) add({0x0f, opcode});
  for (int digit = 4; digit < 8; ++digit) add({0x0f, 0xba}, Rest::modrm, digit, Constant::byte);
  for (const int opcode : {0xa4, 0xac}) add({0x0f, opcode}, Rest::modrm, -1, Constant::byte);
  for (const int opcode : {0xa5, 0xad}) add({0x0f, opcode});
  for (const int opcode : {0xbc, 0xbd, 0xb8}) add({0x0f, opcode}, Rest::modrm, -1, Constant::none, 0xf3);
  add({0x0f, 0xc8}, Rest::in_opcode);
  add({0x0f, 0xc7}, Rest::modrm, 1, Constant::none, 0, true);
  add({0x0f, 0x1f}, Rest::modrm, 0);
  for (int condition = 0; condition < 16; ++condition) {
    add({0x0f, 0x40 + condition});
    add({0x0f, 0x90 + condition}, Rest::modrm, 0);
  }
  for (const int opcode : {0xa4, 0xa5, 0xa6, 0xa7, 0xaa, 0xab, 0xac, 0xad, 0xae, 0xaf}) {  // string instructions
    add({opcode}, Rest::none);
    add({opcode}, Rest::none, -1, Constant::none, 0xf3);
  }
  for (const int prefix : {0, 0x66}) {
    for (const int opcode : {0x10, 0x11, 0x28, 0x29, 0x57, 0x2e, 0x2f, 0x14, 0x54})
      add({0x0f, opcode}, Rest::modrm, -1, Constant::none, prefix);
    for (const int opcode : {0x12, 0x13, 0x16, 0x17})
      add({0x0f, opcode}, Rest::modrm, -1, Constant::none, prefix, true);
  }
  for (const int opcode : {0x6f, 0x7f, 0xef, 0x6e, 0x7e, 0xd6, 0x6c, 0x62, 0xd4, 0xdb, 0x76, 0xd7})
    add({0x0f, opcode}, Rest::modrm, -1, Constant::none, 0x66);
  for (const int opcode : {0x6f, 0x7f, 0x7e, 0x10, 0x11, 0x2d})
    add({0x0f, opcode}, Rest::modrm, -1, Constant::none, 0xf3);
  for (const int opcode : {0x10, 0x11, 0x2d, 0x12}) add({0x0f, opcode}, Rest::modrm, -1, Constant::none, 0xf2);
  add({0x0f, 0x70}, Rest::modrm, -1, Constant::byte, 0x66);
  return forms;
}

constexpr size_t kNoPlace = SIZE_MAX;

// An instruction, and where its distance from the next one is, if it has one.
struct Encoded {
  ByteVector bytes;
  size_t distance_at = kNoPlace;
};

void append_constant(Random& random, size_t size, ByteVector& bytes) {
  const uint64_t value = any_value(random);
  const auto* from = reinterpret_cast<const unsigned char*>(&value);
  bytes.insert(bytes.end(), from, from + size);
}

void append_operands(Random& random, const Form& form, Encoded& out) {
  const auto reg = static_cast<unsigned>(form.digit >= 0 ? form.digit : static_cast<int>(random() % 8));
  const auto mode = static_cast<unsigned>(random() % (form.only_memory ? 3 : 4));
  const auto rm = static_cast<unsigned>(random() % 8);
  out.bytes.push_back(static_cast<unsigned char>(mode << 6 | reg << 3 | rm));
  if (mode == 3) return;
  unsigned char sib = 0;
  if (rm == 4) out.bytes.push_back(sib = static_cast<unsigned char>(random()));
  const bool is_relative = mode == 0 && rm == 5;
  if (is_relative) out.distance_at = out.bytes.size();
  if (mode == 1)
    out.bytes.push_back(static_cast<unsigned char>(random()));
  else if (mode == 2 || is_relative || (mode == 0 && rm == 4 && (sib & 7) == 5))
    test::append_value(out.bytes, static_cast<int32_t>(random() % 256) - 128);
}

Encoded any_instruction(Random& random, const std::vector<Form>& forms) {
  const Form& form = forms[random() % forms.size()];
  Encoded out;
  out.bytes.reserve(16);
  const bool is_short = form.prefix == 0 && one_of(random, 4);
  // Capstone takes f3 REX.W 0f 7e for 66 REX.W 0f 7e. Nobody writes it: the W is of no use there.
  const auto bits = static_cast<unsigned char>(random() & (form.prefix == 0xf3 ? 0x7 : 0xf));
  const unsigned char rex = one_of(random, 3) ? 0 : static_cast<unsigned char>(0x40 | bits);
  if (is_short) out.bytes.push_back(0x66);
  if (form.only_memory && one_of(random, 8)) out.bytes.push_back(0x67);
  if (form.prefix != 0) out.bytes.push_back(static_cast<unsigned char>(form.prefix));
  if (rex != 0) out.bytes.push_back(rex);
  test::append(out.bytes, form.opcode);
  if (form.rest == Form::Rest::in_opcode) out.bytes.back() |= static_cast<unsigned char>(random() % 8);
  if (form.rest == Form::Rest::modrm) append_operands(random, form, out);
  const bool is_wide = (rex & 8) != 0;
  const size_t usual = is_short && !is_wide ? 2 : 4;
  if (form.constant == Form::Constant::byte) append_constant(random, 1, out.bytes);
  if (form.constant == Form::Constant::by_size) append_constant(random, usual, out.bytes);
  if (form.constant == Form::Constant::full) append_constant(random, is_wide ? 8 : usual, out.bytes);
  return out;
}

// A course of events: the instruction, what was in registers and memory before it, and after it.
struct Scene {
  ByteVector instruction;
  uint64_t left = 0, right = 0;  // what was compared before it
  State before;
  ByteVector memory = ByteVector(kData);
  State after;
  ByteVector memory_after = ByteVector(kData);
};

const ByteVector kCompare = {0x48, 0x39, 0xd9};  // cmp %rbx, %rcx
constexpr uint64_t kPlainFlags = 0x202;

void fill(Random& random, const Page& page, Scene& scene) {
  for (uint64_t& value : scene.before.general) value = any_value(random);
  for (auto& vector : scene.before.vectors) vector = {any_value(random), any_value(random)};
  for (unsigned char& byte : scene.memory) byte = static_cast<unsigned char>(one_of(random, 2) ? random() : 0);
  scene.before.general[4] = page.data() + kData / 2;
  if (one_of(random, 2)) scene.before.general[5] = page.data() + kData / 2 + 16;
  scene.left = any_value(random);
  scene.right = any_value(random);
  State compared{};
  compared.general[1] = scene.left;
  compared.general[3] = scene.right;
  compared.flags = kPlainFlags;
  REQUIRE(page.execute(kCompare, compared));
  scene.before.flags = compared.flags;
}

// Makes the address of the operand one within the page. Whether it can be.
bool aim(Random& random, const Page& page, const Operand& operand, uintptr_t next, size_t distance_at, Scene& scene) {
  if (operand.in_segment) return false;
  const uintptr_t wanted = page.data() + 128 + (random() % 256 & (one_of(random, 2) ? ~15u : ~0u));
  auto& general = scene.before.general;
  if (operand.is_relative) {
    if (distance_at == kNoPlace) return false;
    const auto distance = static_cast<int32_t>(wanted - next);
    std::memcpy(scene.instruction.data() + distance_at, &distance, sizeof distance);
    return true;
  }
  if (operand.base == kNoRegister || operand.base == operand.index) return false;
  if (operand.index != kNoRegister) general[static_cast<size_t>(operand.index)] = random() % 8;
  const uint64_t index = operand.index == kNoRegister ? 0 : general[static_cast<size_t>(operand.index)] * operand.scale;
  general[static_cast<size_t>(operand.base)] = wanted - static_cast<uint64_t>(operand.displacement) - index;
  return true;
}

bool execute(const Page& page, Scene& scene) {
  std::copy(scene.memory.begin(), scene.memory.end(), page.contents());
  scene.after = scene.before;
  if (!page.execute(scene.instruction, scene.after)) return false;
  std::copy(page.contents(), page.contents() + kData, scene.memory_after.begin());
  return true;
}

// Instructions that show what a machine knows: they are executed by a copy of it.
class Observer {
 public:
  static constexpr uintptr_t kCode = 0x10000, kPlace = 0x20000;

  explicit Observer(test::FakeMemory& memory) : code_(memory) {
    memory.regions[kPlace] = ByteVector(256);
    ByteVector& bytes = memory.regions[kCode];
    for (unsigned condition = 0; condition < 16; ++condition)  // setcc al
      test::append(bytes, {0x0f, static_cast<unsigned char>(0x90 + condition), 0xc0, 0x90});
    for (unsigned number = 0; number < 16; ++number) {  // movups (%rax), and its opposite
      for (const unsigned opcode : {0x10u, 0x11u})
        test::append(bytes, {static_cast<unsigned char>(number < 8 ? 0x40 : 0x44), 0x0f,
                             static_cast<unsigned char>(opcode), static_cast<unsigned char>(number % 8 << 3)});
    }
    test::append(bytes, {0x48, 0x8b, 0x00, 0x90});  // mov (%rax), %rax
    test::append(bytes, kCompare);
  }

  void compare(Machine& machine, uint64_t left, uint64_t right) {
    machine.set(EncodedRegister::rcx, left);
    machine.set(EncodedRegister::rbx, right);
    run(machine, 64 + 128 + 4);
  }

  std::optional<bool> holds(Machine machine, unsigned condition) {
    machine.set(EncodedRegister::rax, 0);
    run(machine, 4 * condition);
    const Known value = machine.get(EncodedRegister::rax);
    return value ? std::optional(*value != 0) : std::nullopt;
  }

  void load_vector(Machine& machine, size_t number, uintptr_t from) {
    const Known rax = machine.get(EncodedRegister::rax);
    machine.set(EncodedRegister::rax, from);
    run(machine, 64 + 8 * number);
    machine.set(EncodedRegister::rax, rax);
  }

  std::array<Known, 2> vector(Machine machine, size_t number) {
    machine.set(EncodedRegister::rax, kPlace);
    run(machine, 64 + 8 * number + 4);
    return {word(machine, kPlace), word(machine, kPlace + 8)};
  }

  Known word(Machine machine, uintptr_t address) {
    machine.set(EncodedRegister::rax, address);
    run(machine, 64 + 128);
    return machine.get(EncodedRegister::rax);
  }

 private:
  void run(Machine& machine, size_t offset) {
    const DecodedInstruction& instruction = code_.at(kCode + offset);
    machine.execute(instruction, kCode + offset + instruction.length);
  }
  CodeReader code_;
};

// The flags that each condition reads (Intel SDM, volume 1, appendix B).
bool condition_holds(uint64_t flags, unsigned condition) {
  const bool carry = (flags & 1) != 0, parity = (flags & 4) != 0, zero = (flags & 0x40) != 0,
             sign = (flags & 0x80) != 0, overflow = (flags & 0x800) != 0;
  const std::array<bool, 8> plain = {
      overflow, carry, zero, carry || zero, sign, parity, sign != overflow, zero || sign != overflow};
  return plain[condition / 2] != (condition % 2 != 0);
}

ByteVector from_hex(const std::string& text) {
  ByteVector bytes;
  for (size_t at = 0; at < text.size(); at += 2)
    bytes.push_back(static_cast<unsigned char>(std::stoul(text.substr(at, 2), nullptr, 16)));
  return bytes;
}

std::string in_hex(const ByteVector& bytes) {
  std::string text;
  for (const unsigned char byte : bytes) {
    char part[4];
    std::snprintf(part, sizeof part, "%02x ", byte);
    text += part;
  }
  return text;
}

class Comparison {
 public:
  explicit Comparison(const Page& page) : page_(page), observer_(memory_), code_(memory_) {}

  const DecodedInstruction& decode(const ByteVector& instruction) {
    memory_.regions[page_.code()] = instruction;
    code_.forget();
    return code_.at(page_.code());
  }

  // What it is before the instruction, but for the registers of `unknown` and, if that is wanted, the first half of memory.
  Machine machine_before(const Scene& scene, uint32_t unknown, bool half_is_unknown) {
    const size_t from = half_is_unknown ? kData / 2 : 0;
    memory_.regions.erase(page_.data());
    memory_.regions.erase(page_.data() + kData / 2);
    memory_.regions[page_.data() + from] =
        ByteVector(scene.memory.begin() + static_cast<std::ptrdiff_t>(from), scene.memory.end());
    Machine machine(memory_);
    ByteVector& place = memory_.regions[kVectors];
    place.resize(16 * 16);
    std::memcpy(place.data(), scene.before.vectors.data(), place.size());
    observer_.compare(machine, scene.left, scene.right);
    for (size_t number = 0; number < 16; ++number) {
      if ((unknown >> number & 1) == 0) observer_.load_vector(machine, number, kVectors + 16 * number);
      const auto which = static_cast<EncodedRegister>(number);
      machine.set(which, (unknown >> number & 1) != 0 ? std::nullopt : Known(scene.before.general[number]));
    }
    return machine;
  }

  // What the machine knows and the processor does not confirm.
  std::string wrong(const Machine& machine, const Scene& scene, bool with_memory) {
    std::string text;
    const auto differs = [&](const std::string& what, const Known& known, uint64_t real) {
      if (!known || *known == real) {
        if (known) ++known_;
        return;
      }
      char values[80];
      std::snprintf(values, sizeof values, " is %lx, not %lx;", real, *known);
      text += " " + what + values;
    };
    for (size_t number = 0; number < 16; ++number) {
      differs("register " + std::to_string(number), machine.get(static_cast<EncodedRegister>(number)),
              scene.after.general[number]);
      const auto vector = observer_.vector(machine, number);
      for (size_t half = 0; half < 2; ++half)
        differs("vector " + std::to_string(number), vector[half], scene.after.vectors[number][half]);
      const auto holds = observer_.holds(machine, static_cast<unsigned>(number));
      differs("condition " + std::to_string(number), holds ? Known(*holds) : std::nullopt,
              condition_holds(scene.after.flags, static_cast<unsigned>(number)));
    }
    for (size_t at = 0; with_memory && at < kData; at += 8) {
      uint64_t real;
      std::memcpy(&real, scene.memory_after.data() + at, sizeof real);
      differs("memory at " + std::to_string(at), observer_.word(machine, page_.data() + at), real);
    }
    return text.empty() ? text : in_hex(scene.instruction) + ":" + text;
  }

  size_t known() const { return known_; }

 private:
  static constexpr uintptr_t kVectors = 0x30000;
  const Page& page_;
  test::FakeMemory memory_;
  Observer observer_;
  CodeReader code_;
  size_t known_ = 0;
};

// Executes instructions, by the processor and by the machine.
class Trials {
 public:
  // Whether the processor accepted the instruction.
  bool run(Random& random, const Encoded& encoded) {
    Scene scene;
    scene.instruction = encoded.bytes;
    fill(random, page_, scene);
    const DecodedInstruction instruction = comparison_.decode(scene.instruction);
    if (instruction.length != scene.instruction.size()) return false;
    const uintptr_t next = page_.code() + instruction.length;
    uint32_t address = register_bit(EncodedRegister::rsp);
    for (const Operand& operand : instruction.operands) {
      if (operand.kind != Operand::Kind::memory || instruction.action == Action::address) continue;
      if (!aim(random, page_, operand, next, encoded.distance_at, scene)) return false;
      address |= register_bit(operand.base) | register_bit(operand.index);
    }
    if (instruction.is_repeated) scene.before.general[1] = random() % 16;
    const DecodedInstruction aimed = comparison_.decode(scene.instruction);
    if (!execute(page_, scene)) return false;
    check(comparison_.machine_before(scene, 0, false), aimed, scene);

    // Again with registers and memory that the machine does not know, whatever is in them.
    const auto unknown = static_cast<uint32_t>(random()) & 0xffff & ~address;
    const bool half_is_unknown = one_of(random, 2);
    const Machine machine = comparison_.machine_before(scene, unknown, half_is_unknown);
    for (size_t number = 0; number < 16; ++number) {
      if ((unknown >> number & 1) == 0) continue;
      scene.before.general[number] = instruction.is_repeated ? random() % 16 : any_value(random);
      scene.before.vectors[number] = {any_value(random), any_value(random)};
    }
    for (size_t at = 0; half_is_unknown && at < kData / 2; ++at)
      scene.memory[at] = static_cast<unsigned char>(random());
    if (execute(page_, scene)) check(machine, aimed, scene);
    return true;
  }

  // The first of them.
  const std::vector<std::string>& wrong() const { return wrong_; }
  size_t known() const { return comparison_.known(); }

 private:
  void check(Machine machine, const DecodedInstruction& instruction, const Scene& scene) {
    machine.execute(instruction, page_.code() + instruction.length);
    const std::string wrong = comparison_.wrong(machine, scene, true);
    if (!wrong.empty() && wrong_.size() < 20) wrong_.push_back(wrong);
  }

  Page page_;
  FaultsAreCaught faults_are_caught_;
  Comparison comparison_{page_};
  std::vector<std::string> wrong_;
};

}  // namespace

TEST_CASE("the machine knows of any instruction only what the processor does") {
  Random random(1);
  Trials trials;
  const std::vector<Form> forms = all_forms();
  constexpr unsigned kWanted = 10000;
  unsigned executed = 0;
  for (unsigned i = 0; executed < kWanted && i < 10 * kWanted; ++i) {
    if (trials.run(random, any_instruction(random, forms))) ++executed;
  }
  CHECK(trials.wrong() == std::vector<std::string>{});
  CHECK(executed == kWanted);
  CHECK(trials.known() > 100 * size_t{kWanted});
}

// Most of them it does not follow: what they change has to be unknown.
TEST_CASE("the machine knows of the instructions of libraries only what the processor does") {
  Random random(1);
  Trials trials;
  unsigned executed = 0;
  for (const char* const text : test::kInstructionsOfLibraries) {
    for (int i = 0; i < 5; ++i) {
      if (trials.run(random, {from_hex(text)})) ++executed;
    }
  }
  CHECK(trials.wrong() == std::vector<std::string>{});
  CHECK(executed > 500);  // an older processor has not all of them
}

TEST_CASE("what an instruction writes that is repeated an unknown number of times makes memory unknown") {
  constexpr uintptr_t kCode = 0x1000, kMemory = 0x2000;
  test::FakeMemory memory;
  memory.regions[kCode] = {0xf3, 0x48, 0xab};  // rep stosq
  memory.regions[kMemory] = ByteVector(64, 0x11);
  Observer observer(memory);
  CodeReader code(memory);
  Machine machine(memory);
  machine.set(EncodedRegister::rdi, kMemory);
  machine.set(EncodedRegister::rcx, 2);
  machine.execute(code.at(kCode), kCode + 3);
  CHECK_FALSE(observer.word(machine, kMemory + 8));
  CHECK(observer.word(machine, kMemory + 16) == 0x1111111111111111);
  machine.set(EncodedRegister::rdi, kMemory);
  machine.execute(code.at(kCode), kCode + 3);
  CHECK_FALSE(observer.word(machine, kMemory + 16));
}

// Without an operand for what they write, or with another course than the next instruction.
TEST_CASE("instructions that the machine cannot follow are not decoded") {
  constexpr uintptr_t kCode = 0x1000;
  const ByteVector kRefused[] = {{0xe2, 0xfe},        // loop
                                 {0xe3, 0x10},        // jrcxz
                                 {0x9c},              // pushfq
                                 {0x66, 0x50},        // push ax
                                 {0x66, 0x58},        // pop ax
                                 {0xc8, 0x10, 0, 0},  // enter
                                 {0xcb},              // retf
                                 {0x48, 0xcf}};       // iretq
  for (const ByteVector& bytes : kRefused) {
    test::FakeMemory memory;
    memory.regions[kCode] = bytes;
    CodeReader code(memory);
    CAPTURE(in_hex(bytes));
    CHECK(code.at(kCode).length == 0);
  }
}
