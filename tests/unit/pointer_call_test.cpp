#include "symbolizer/unwind/pointer_call.h"

#include "symbolizer/unwind/code_flow.h"
#include "tests/catch.h"
#include "tests/unit/fake_process.h"

using namespace holdwatch;
using holdwatch::test::append;
using holdwatch::test::append_value;
using holdwatch::test::ByteVector;
using holdwatch::test::FakeMemory;

namespace {

constexpr uintptr_t kCode = 0x7f0000000000;
constexpr uintptr_t kData = 0x7f0000100000;
constexpr uintptr_t kSp = 0x7ffd00000000;
constexpr uintptr_t kWanted = 0x7f0000001230;
constexpr auto kDi = static_cast<size_t>(EncodedRegister::rdi), kAx = static_cast<size_t>(EncodedRegister::rax);

// One function, whose last instruction is a call; words of data.
struct Fixture {
  FakeMemory memory;
  PointerCalls calls{memory};
  Procedure procedure{kCode, kCode, 1};
  RegisterSet frame;

  explicit Fixture(const ByteVector& code) {
    procedure.end = kCode + code.size();
    memory.regions[kCode] = code;
    memory.regions[kData] = ByteVector(0x100);
    frame.set(kRip, procedure.end);
    frame.set(kRsp, kSp);
  }
  void put(uintptr_t address, uintptr_t value) { test::put(memory.regions[kData], address - kData, value); }
  std::optional<uintptr_t> target(const KnownRegisters& at_start = {}) {
    return calls.target(procedure, frame, calls.at_call(procedure, frame, at_start));
  }
};

}  // namespace

TEST_CASE("a call through a virtual function table leads where the object says") {
  // mov 0x8(%rbx),%rdi; mov (%rdi),%rax; call *0x10(%rax)
  Fixture fixture({0x48, 0x8b, 0x7b, 0x08, 0x48, 0x8b, 0x07, 0xff, 0x50, 0x10});
  fixture.put(kData + 0x08, kData + 0x20);
  fixture.put(kData + 0x20, kData + 0x40);
  fixture.put(kData + 0x50, kWanted);
  CHECK_FALSE(fixture.target());
  fixture.frame.set(kRbx, kData);
  CHECK(fixture.target() == kWanted);
}

TEST_CASE("a call through a table leads where the index says") {
  ByteVector code = {0x48, 0xb8};  // movabs $table,%rax
  append_value(code, kData);
  // mov %ebx,%edx; add $1,%edx; movslq %edx,%rdx; call *(%rax,%rdx,8)
  append(code, {0x89, 0xda, 0x83, 0xc2, 0x01, 0x48, 0x63, 0xd2, 0xff, 0x14, 0xd0});
  Fixture fixture(code);
  fixture.put(kData + 24, kWanted);
  fixture.frame.set(kRbx, 0xabcd00000002);
  CHECK(fixture.target() == kWanted);
}

TEST_CASE("what a register held earlier is not what it holds at the call") {
  // mov (%rbx),%rax; mov 0x8(%rsp),%rbx; call *%rax
  Fixture fixture({0x48, 0x8b, 0x03, 0x48, 0x8b, 0x5c, 0x24, 0x08, 0xff, 0xd0});
  fixture.frame.set(kRbx, kData);
  fixture.put(kData, kWanted);
  CHECK_FALSE(fixture.target());
}

TEST_CASE("arguments are found under what was pushed after them") {
  // mov 0x8(%rsp),%rax; push %rdx; call *%rax
  Fixture fixture({0x48, 0x8b, 0x44, 0x24, 0x08, 0x52, 0xff, 0xd0});
  fixture.frame.set(kRsp, kData);
  fixture.put(kData + 0x10, kWanted);
  CHECK(fixture.target() == kWanted);
}

TEST_CASE("a function that calls what it was given leads where its caller wanted") {
  Fixture fixture({0x48, 0x89, 0xf8, 0xff, 0xd0});  // mov %rdi,%rax; call *%rax
  CHECK(fixture.calls.followed_from(fixture.procedure, fixture.frame) == kCode);
  CHECK_FALSE(fixture.target());
  KnownRegisters given{};
  given[kDi] = kWanted;
  CHECK(fixture.target(given) == kWanted);
}

TEST_CASE("where ways meet, nothing is known of what came before") {
  // mov %rdi,%rax; test %esi,%esi; je 1f; xor %edx,%edx; 1: call *%rax
  Fixture fixture({0x48, 0x89, 0xf8, 0x85, 0xf6, 0x74, 0x02, 0x31, 0xd2, 0xff, 0xd0});
  KnownRegisters given{};
  given[kDi] = kWanted;
  CHECK(fixture.calls.followed_from(fixture.procedure, fixture.frame) == kCode + 9);
}

TEST_CASE("functions that end in a jump are followed to the one that is wanted") {
  // test %esi,%esi; je 1f; mov %rdi,%rax; mov 0x8(%rax),%rdi; jmp *(%rax); 1: ret
  Fixture fixture({0x85, 0xf6, 0x74, 0x09, 0x48, 0x89, 0xf8, 0x48, 0x8b, 0x78, 0x08, 0xff, 0x20, 0xc3});
  fixture.put(kData, kWanted);
  fixture.put(kData + 8, 77);
  KnownRegisters given{};
  CHECK_FALSE(fixture.calls.follow(kCode, kWanted, given));
  given[kDi] = kData;
  const std::optional<KnownRegisters> there = fixture.calls.follow(kCode, kWanted, given);
  REQUIRE(there);
  CHECK((*there)[kDi] == 77);
  CHECK((*there)[kAx] == kData);
  CHECK_FALSE(fixture.calls.follow(kCode, kWanted + 1, given));
}
