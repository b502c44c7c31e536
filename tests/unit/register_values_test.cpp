// What the code of a function and its caller proves of registers.
#include "symbolizer/activity/register_values.h"

#include "tests/catch.h"
#include "tests/unit/fake_process.h"

using namespace holdwatch;
using test::ByteVector;

namespace {

constexpr uintptr_t kCode = 0x1000;
constexpr uintptr_t kCaller = 0x3000;
constexpr uintptr_t kData = 0x2000;
enum { kRax = 0, kRcx = 1, kRsp = 4, kRdi = 7 };

CodeFrame frame_at(uintptr_t start, const ByteVector& code, uintptr_t pc, bool is_exact) {
  return {pc, is_exact, 0x8000, start, start + code.size()};
}

// The registers before the instruction at this offset of the function.
std::optional<KnownRegisters> before(const ByteVector& code, size_t offset, test::FakeMemory memory = {}) {
  memory.regions[kCode] = code;
  const auto place = place_of({frame_at(kCode, code, kCode + offset, true)}, memory);
  return place ? std::optional(place->registers) : std::nullopt;
}

// The register in which `mov (%rdi),%eax` at the callee's beginning finds its address, for a call with these bytes.
std::optional<uint64_t> passed(const ByteVector& call) {
  const ByteVector callee = {0x8b, 0x07, 0xc3};
  ByteVector caller = {0xbf, 0x40, 0x00, 0x00, 0x00};  // mov $0x40,%edi
  test::append(caller, call);
  const uintptr_t back = kCaller + caller.size();
  caller.push_back(0xc3);
  test::FakeMemory memory;
  memory.regions[kCode] = callee;
  memory.regions[kCaller] = caller;
  const auto place = place_of({frame_at(kCode, callee, kCode, true), frame_at(kCaller, caller, back, false)}, memory);
  REQUIRE(place);
  return place->registers[kRdi];
}

}  // namespace

TEST_CASE("a register is followed from where it was loaded") {
  test::FakeMemory memory;
  memory.regions[kData] = {0x78, 0x56, 0x34, 0x12, 0, 0, 0, 0};
  const ByteVector code = {0x48, 0x8b, 0x05, 0xf9, 0x0f, 0, 0,  // mov 0x2000,%rax
                           0x48, 0x8d, 0x48, 0x08,              // lea 8(%rax),%rcx
                           0x0f, 0xb6, 0x40, 0x05, 0xc3};       // movzbl 5(%rax),%eax
  const auto registers = before(code, 11, memory);
  REQUIRE(registers);
  CHECK((*registers)[kRax] == 0x12345678u);
  CHECK((*registers)[kRcx] == 0x12345680u);
  CHECK((*registers)[kRsp] == 0x8000u - 8);
}

TEST_CASE("a register that two ways leave with different values is not known") {
  ByteVector code = {0x48, 0xc7, 0xc0, 0x10, 0, 0, 0,  // mov $0x10,%rax
                     0x85, 0xff, 0x74, 0x07,           // test %edi,%edi; je +7
                     0x48, 0xc7, 0xc0, 0x20, 0, 0, 0,  // mov $0x20,%rax
                     0x8b, 0x08, 0xc3};                // mov (%rax),%ecx
  auto registers = before(code, 18);
  REQUIRE(registers);
  CHECK_FALSE((*registers)[kRax]);
  code[14] = 0x10;
  registers = before(code, 18);
  REQUIRE(registers);
  CHECK((*registers)[kRax] == 0x10u);
}

TEST_CASE("a loop's counter is not known, and what the loop leaves alone is") {
  const ByteVector code = {0xb8, 0x10, 0,    0,    0,    0xb9, 0x20, 0, 0, 0,  // mov $0x10,%eax; mov $0x20,%ecx
                           0x8a, 0x10, 0x48, 0xff, 0xc0, 0xeb, 0xf9};  // again: mov (%rax),%dl; inc %rax; jmp again
  const auto registers = before(code, 10);
  REQUIRE(registers);
  CHECK_FALSE((*registers)[kRax]);
  CHECK((*registers)[kRcx] == 0x20u);
}

TEST_CASE("a call leaves only the registers that the convention keeps") {
  const ByteVector code = {0xbf, 0x10, 0, 0, 0, 0xbb, 0x20, 0, 0, 0, 0xe8, 0, 0x10, 0, 0, 0x8b, 0x07, 0xc3};
  const auto registers = before(code, 15);
  REQUIRE(registers);
  CHECK_FALSE((*registers)[kRdi]);
  CHECK((*registers)[3] == 0x20u);
}

TEST_CASE("code that cannot be followed proves nothing") {
  CHECK_FALSE(before({0xff, 0xe0, 0x8b, 0x07}, 2));  // behind a jump through a pointer
  CHECK_FALSE(before({0x06, 0x8b, 0x07}, 1));        // behind what is no instruction
  CHECK_FALSE(before({0xc3, 0x8b, 0x07}, 1));        // never reached
}

TEST_CASE("what a caller passes is known where its call leads to the function itself") {
  CHECK(passed({0xe8, 0xf6, 0xdf, 0xff, 0xff}) == 0x40u);     // call 0x1000
  CHECK_FALSE(passed({0xe8, 0xf6, 0xe7, 0xff, 0xff}));        // call 0x1800, which has jumped on
  CHECK_FALSE(passed({0xff, 0xd0}));                          // call *%rax
  CHECK(passed({0xb8, 0, 0x10, 0, 0, 0xff, 0xd0}) == 0x40u);  // mov $0x1000,%eax; call *%rax
}

TEST_CASE("what an instruction changes besides its operands is not known behind it") {
  // mov $0x10,%ecx; pcmpistri $0x1a,%xmm1,%xmm0
  auto registers = before({0xb9, 0x10, 0, 0, 0, 0x66, 0x0f, 0x3a, 0x63, 0xc1, 0x1a, 0x8b, 0x01, 0xc3}, 11);
  REQUIRE(registers);
  CHECK_FALSE((*registers)[kRcx]);
  // mov $0x10,%eax; mov %cl,%ah
  registers = before({0xb8, 0x10, 0, 0, 0, 0x88, 0xcc, 0x8b, 0x00, 0xc3}, 7);
  REQUIRE(registers);
  CHECK_FALSE((*registers)[kRax]);
  CHECK((*registers)[kRsp] == 0x8000u - 8);
}
