// What single instructions make of register values.
#include "symbolizer/unwind/known_registers.h"

#include "tests/catch.h"
#include "tests/unit/fake_process.h"

using namespace holdwatch;
using test::ByteVector;

namespace {

constexpr uintptr_t kCode = 0x1000;
constexpr uintptr_t kData = 0x2000;
enum { kRax, kRcx, kRdx, kRbx, kRsp, kRbp, kRsi, kRdi };

// All registers known: 0x1111111111111100 and so on; rdi leads to memory.
KnownRegisters before() {
  KnownRegisters registers;
  for (size_t number = 0; number < registers.size(); ++number) registers[number] = 0x1111111111111100 + number;
  registers[kRdi] = kData;
  return registers;
}

KnownRegisters after(const ByteVector& bytes, KnownRegisters registers = before()) {
  test::FakeMemory memory;
  memory.regions[kData] = {0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff, 1, 2, 3, 4, 5, 6, 7, 8};
  const auto instruction = decode(bytes.data(), bytes.size(), kCode);
  REQUIRE(instruction);
  REQUIRE(instruction->length == bytes.size());
  follow_instruction(*instruction, kCode + bytes.size(), memory, registers);
  return registers;
}

}  // namespace

TEST_CASE("values are moved, and the upper half is cleared with 32 bits") {
  CHECK(after({0x48, 0x89, 0xc1})[kRcx] == 0x1111111111111100u);      // mov %rax,%rcx
  CHECK(after({0x89, 0xc1})[kRcx] == 0x11111100u);                    // mov %eax,%ecx
  CHECK(after({0x48, 0x8b, 0x07})[kRax] == 0xffeeddccbbaa9988u);      // mov (%rdi),%rax
  CHECK(after({0x8b, 0x07})[kRax] == 0xbbaa9988u);                    // mov (%rdi),%eax
  CHECK(after({0x48, 0x63, 0x07})[kRax] == 0xffffffffbbaa9988u);      // movslq (%rdi),%rax
  CHECK(after({0x0f, 0xb7, 0x07})[kRax] == 0x9988u);                  // movzwl (%rdi),%eax
  CHECK(after({0x0f, 0xb6, 0x07})[kRax] == 0x88u);                    // movzbl (%rdi),%eax
  CHECK_FALSE(after({0x0f, 0xb6, 0xc4})[kRax]);                       // movzbl %ah,%eax
  CHECK(after({0xb8, 0xff, 0xff, 0xff, 0xff})[kRax] == 0xffffffffu);  // mov $-1,%eax
  CHECK(after({0x48, 0xc7, 0xc0, 0xff, 0xff, 0xff, 0xff})[kRax] == UINT64_MAX);
  CHECK(after({0x48, 0x8d, 0x04, 0x4f})[kRax] == 0x2222222222222202u + kData);  // lea (%rdi,%rcx,2),%rax
  CHECK(after({0x48, 0x8d, 0x05, 0x10, 0, 0, 0})[kRax] == kCode + 0x17);        // lea 0x10(%rip),%rax
}

TEST_CASE("values are computed") {
  CHECK(after({0x48, 0x83, 0xe8, 0x10})[kRax] == 0x11111111111110f0u);  // sub $0x10,%rax
  CHECK(after({0x83, 0xe8, 0x10})[kRax] == 0x111110f0u);                // sub $0x10,%eax
  CHECK(after({0x48, 0xff, 0xc0})[kRax] == 0x1111111111111101u);        // inc %rax
  CHECK(after({0x48, 0x29, 0xc8})[kRax] == UINT64_MAX);                 // sub %rcx,%rax
  CHECK(after({0x48, 0x03, 0x07})[kRax] == 0x10ffeeddccbbaa88u);        // add (%rdi),%rax
  CHECK(after({0x83, 0xe0, 0xf0})[kRax] == 0x11111100u);                // and $-16,%eax
  CHECK(after({0x0c, 0x01})[kRax] == std::nullopt);                     // or $1,%al
  CHECK(after({0x0d, 0x01, 0, 0, 0})[kRax] == 0x11111101u);             // or $1,%eax
  CHECK(after({0x31, 0xc0})[kRax] == 0u);                               // xor %eax,%eax
  CHECK(after({0x31, 0xc0}, {})[kRax] == 0u);
  CHECK(after({0x48, 0xc1, 0xe0, 0x04})[kRax] == 0x1111111111111000u);  // shl $4,%rax
  CHECK(after({0xc1, 0xe8, 0x04})[kRax] == 0x01111110u);                // shr $4,%eax
}

TEST_CASE("what depends on an unknown value is unknown, and nothing else") {
  KnownRegisters registers = before();
  registers[kRcx].reset();
  CHECK_FALSE(after({0x48, 0x01, 0xc8}, registers)[kRax]);  // add %rcx,%rax
  CHECK_FALSE(after({0x48, 0x8b, 0x01}, registers)[kRax]);  // mov (%rcx),%rax
  CHECK_FALSE(after({0x48, 0x8b, 0x06}, registers)[kRax]);  // mov (%rsi),%rax: not mapped
  CHECK_FALSE(after({0x48, 0x13, 0xc2}, registers)[kRax]);  // adc %rdx,%rax
  CHECK(after({0x48, 0x01, 0xc8}, registers)[kRdx] == before()[kRdx]);
  CHECK(after({0x48, 0x89, 0x07}, registers) == registers);  // mov %rax,(%rdi)
  CHECK(after({0x48, 0x39, 0xd0}, registers) == registers);  // cmp %rdx,%rax
  CHECK_FALSE(after({0xe8, 0, 0, 0, 0})[kRdi]);
  CHECK(after({0xe8, 0, 0, 0, 0})[kRbx] == before()[kRbx]);
}

TEST_CASE("the stack is followed") {
  KnownRegisters registers = before();
  registers[kRsp] = kData + 8;
  CHECK(after({0x50}, registers)[kRsp] == kData);  // push %rax
  registers = after({0x5b}, registers);            // pop %rbx
  CHECK(registers[kRbx] == 0x0807060504030201u);
  CHECK(registers[kRsp] == kData + 16);
  registers[kRbp] = kData;
  registers = after({0xc9}, registers);  // leave
  CHECK(registers[kRbp] == 0xffeeddccbbaa9988u);
  CHECK(registers[kRsp] == kData + 8);
  CHECK(after({0x5c}, registers)[kRsp] == 0x0807060504030201u);  // pop %rsp
}

TEST_CASE("where a call through a pointer leads is known") {
  test::FakeMemory memory;
  memory.regions[kData] = {0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0x7f};
  const ByteVector through_memory = {0xff, 0x17}, through_register = {0xff, 0xd0};
  const auto memory_call = decode(through_memory.data(), through_memory.size(), kCode);
  const auto register_call = decode(through_register.data(), through_register.size(), kCode);
  REQUIRE(memory_call);
  REQUIRE(register_call);
  CHECK(source_of(*memory_call, before(), kCode + 2, memory) == 0x7feeddccbbaa9988u);
  CHECK(source_of(*register_call, before(), kCode + 2, memory) == 0x1111111111111100u);
}
