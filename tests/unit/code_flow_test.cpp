#include "symbolizer/unwind/code_flow.h"

#include "tests/catch.h"
#include "tests/unit/fake_process.h"

using namespace holdwatch;
using holdwatch::test::append;
using holdwatch::test::append_value;
using holdwatch::test::ByteVector;
using holdwatch::test::FakeMemory;
using holdwatch::test::FakeModule;

namespace {

constexpr uintptr_t kBase = 0x7f0000000000;
const ByteVector kFrame = {0x55, 0x48, 0x89, 0xe5};  // push %rbp; mov %rsp,%rbp
const ByteVector kCall = {0xff, 0xd0};               // call *%rax
const ByteVector kReturn = {0xc9, 0xc3};             // leave; ret

// A module of one function with tables, whose code is the concatenation of some parts.
struct Fixture {
  FakeMemory memory;
  Modules modules{-1, memory};
  FakeModule module;
  CodeFlow flow{modules, memory};
  uintptr_t entry;

  explicit Fixture(const std::vector<ByteVector>& parts) : module(kBase, {{joined(parts), {}}, {{0xc3}, {}}}) {
    entry = module.function(0);
    memory.regions[kBase] = module.image;
    modules.update(module.maps());
  }
  static ByteVector joined(const std::vector<ByteVector>& parts) {
    ByteVector code;
    for (const ByteVector& part : parts) append(code, part);
    return code;
  }
  // From the stack pointer to rbp in the call that ends at this offset.
  std::optional<Distance> to_frame_pointer(size_t return_offset) {
    flow.watch(entry + return_offset, true);
    flow.follow_function(entry);
    if (!flow.watched()) return std::nullopt;
    return flow.distance((*flow.watched())[EncodedRegister::rsp], (*flow.watched())[EncodedRegister::rbp]);
  }
  void check_exact(size_t return_offset, uint64_t wanted) {
    const std::optional<Distance> distance = to_frame_pointer(return_offset);
    REQUIRE(distance);
    CHECK(distance->least == wanted);
    CHECK(distance->most == wanted);
  }
};

}  // namespace

TEST_CASE("a frame of constant size is known exactly, whatever the order of pushes and allocations") {
  // push %rbx; sub $0x30,%rsp; push $1 (an argument)
  Fixture fixture({kFrame, {0x53, 0x48, 0x83, 0xec, 0x30, 0x6a, 0x01}, kCall, kReturn});
  fixture.check_exact(4 + 7 + 2, 8 + 0x30 + 8);
}

TEST_CASE("of a frame of variable size the least is known") {
  Fixture fixture({kFrame, {0x53, 0x48, 0x83, 0xec, 0x18, 0x48, 0x29, 0xc4}, kCall, kReturn});  // sub %rax,%rsp
  const std::optional<Distance> distance = fixture.to_frame_pointer(4 + 8 + 2);
  REQUIRE(distance);
  CHECK(distance->least == 0x20);
  CHECK(distance->most == UINT64_MAX);
}

TEST_CASE("of a frame that is aligned below rbp both ends are known") {
  Fixture fixture({kFrame, {0x48, 0x83, 0xe4, 0xc0, 0x48, 0x83, 0xec, 0x40}, kCall, kReturn});  // and $-64,%rsp
  const std::optional<Distance> distance = fixture.to_frame_pointer(4 + 8 + 2);
  REQUIRE(distance);
  CHECK(distance->least == 0x40);
  CHECK(distance->most == 0x40 + 63);
}

TEST_CASE("a frame that is aligned above rbp is known exactly") {
  // lea 8(%rsp),%r10; and $-32,%rsp; push -8(%r10); push %rbp; mov %rsp,%rbp; push %r10; sub $0x48,%rsp
  Fixture fixture({{0x4c, 0x8d, 0x54, 0x24, 0x08, 0x48, 0x83, 0xe4, 0xe0, 0x41, 0xff, 0x72, 0xf8},
                   kFrame,
                   {0x41, 0x52, 0x48, 0x83, 0xec, 0x48},
                   kCall,
                   kReturn});
  fixture.check_exact(13 + 4 + 6 + 2, 8 + 0x48);
}

TEST_CASE("a loop that touches each page of a large frame ends where the frame does") {
  // lea -0x3000(%rsp),%r11; 1: sub $0x1000,%rsp; orq $0,(%rsp); cmp %r11,%rsp; jne 1b; sub $0x20,%rsp
  Fixture fixture({kFrame,
                   {0x4c, 0x8d, 0x9c, 0x24, 0x00, 0xd0, 0xff, 0xff, 0x48, 0x81, 0xec, 0x00, 0x10, 0x00, 0x00,
                    0x48, 0x83, 0x0c, 0x24, 0x00, 0x4c, 0x39, 0xdc, 0x75, 0xef, 0x48, 0x83, 0xec, 0x20},
                   kCall,
                   kReturn});
  fixture.check_exact(4 + 29 + 2, 0x3000 + 0x20);
}

TEST_CASE("code that only a switch or an exception leads to has the frame of the rest") {
  // sub $0x20,%rsp; jmp *%rax; call *%rax
  Fixture fixture({kFrame, {0x48, 0x83, 0xec, 0x20, 0xff, 0xe0}, kCall, kReturn});
  fixture.check_exact(4 + 6 + 2, 0x20);
}

TEST_CASE("a landing pad of an exception has the frame of the calls, not that of a switch before them") {
  // sub $0x20,%rsp; test %edi,%edi; je 1f; jmp *%rax; 1: sub %rdx,%rsp; call *%rax; leave; ret; a landing pad: call *%rax
  Fixture fixture({kFrame,
                   {0x48, 0x83, 0xec, 0x20, 0x85, 0xff, 0x74, 0x02, 0xff, 0xe0, 0x48, 0x29, 0xd4},
                   kCall,
                   kReturn,
                   kCall,
                   kReturn});
  const std::optional<Distance> distance = fixture.to_frame_pointer(4 + 13 + 2 + 2 + 2);
  REQUIRE(distance);
  CHECK(distance->least == 0x20);
  CHECK(distance->most == UINT64_MAX);
}

TEST_CASE("an argument that is kept on the stack across a call is still that argument") {
  // sub $0x18,%rsp; mov %rsi,0x8(%rsp); call *%rax; mov 0x8(%rsp),%rsi; call *%rax
  Fixture fixture(
      {{0x48, 0x83, 0xec, 0x18, 0x48, 0x89, 0x74, 0x24, 0x08}, kCall, {0x48, 0x8b, 0x74, 0x24, 0x08}, kCall});
  fixture.flow.watch(fixture.entry + 18, true);
  fixture.flow.follow_function(fixture.entry);
  REQUIRE(fixture.flow.watched());
  const FlowValue value = (*fixture.flow.watched())[EncodedRegister::rsi];
  CHECK(value == FlowValue{static_cast<int>(EncodedRegister::rsi), 0, false});
}

TEST_CASE("a frame that is made on one way only is known where it is made") {
  // test %edi,%edi; je 1f; push %rbp; mov %rsp,%rbp; sub $0x10,%rsp; call *%rax; leave; 1: ret
  Fixture fixture({{0x85, 0xff, 0x74, 0x0b}, kFrame, {0x48, 0x83, 0xec, 0x10}, kCall, {0xc9, 0xc3}});
  fixture.check_exact(4 + 4 + 4 + 2, 0x10);
}

TEST_CASE("jumps that leave the function are its exits") {
  Fixture fixture({{0x31, 0xc0, 0xe9, 0xf9, 0x00, 0x00, 0x00}});  // to the next function
  fixture.flow.follow_function(fixture.entry);
  CHECK(fixture.flow.exits() == std::set<uintptr_t>{fixture.module.function(1)});
  CHECK_FALSE(fixture.flow.has_unknown_exit());
  CHECK(fixture.flow.is_complete());
}

TEST_CASE("code is followed to where it returns") {
  // In the middle of a function: add $0x18,%rsp; pop %rbx; pop %rbp; ret
  Fixture fixture({kCall, {0x48, 0x83, 0xc4, 0x18, 0x5b, 0x5d, 0xc3}});
  fixture.flow.follow_to_return(fixture.entry + 2);
  REQUIRE(fixture.flow.returns().size() == 1);
  const FlowState& state = fixture.flow.returns().front();
  CHECK(state[EncodedRegister::rsp] == FlowValue{4, 0x28, false});
  CHECK(state[EncodedRegister::rbx] == FlowValue{4, 0x18, true});
  CHECK(state[EncodedRegister::rbp] == FlowValue{4, 0x20, true});
  CHECK(state[EncodedRegister::r12] == FlowValue{12, 0, false});
}

TEST_CASE("a call that never returns is not followed into the next function") {
  // call *%rax, and behind padding: push %rbx; pop %rbx; ret
  Fixture fixture({kCall, ByteVector(14, 0x90), {0x53, 0x5b, 0xc3}});
  fixture.flow.follow_to_return(fixture.entry + 2);
  CHECK(fixture.flow.returns().empty());
}

TEST_CASE("a nop behind a call is no padding if the function goes on") {
  Fixture fixture({kCall, {0x90}, kReturn});
  fixture.flow.follow_to_return(fixture.entry + 2);
  CHECK(fixture.flow.returns().size() == 1);
}

TEST_CASE("endless and hostile code is abandoned") {
  Fixture fixture({{0xeb, 0xfe}});  // jumps to itself
  fixture.flow.follow_function(fixture.entry);
  CHECK(fixture.flow.exits().empty());
  Fixture undecodable({{0x06, 0x06}});
  undecodable.flow.follow_function(undecodable.entry);
  CHECK_FALSE(undecodable.flow.is_complete());
}

TEST_CASE("a handler that goes back into the function makes the registers that it changes unknown, if that counts") {
  // 1: call *%rax; leave; ret; a handler: mov %rax,%r12; jmp 1b
  Fixture fixture({kFrame, kCall, kCall, kReturn, {0x49, 0x89, 0xc4, 0xeb, 0xf7}});
  const auto base_of = [&](EncodedRegister which, CodeFlow::Assumed assumed) {
    fixture.flow.watch(fixture.entry + 8, true);
    fixture.flow.follow_function(fixture.entry, assumed);
    REQUIRE(fixture.flow.watched());
    return (*fixture.flow.watched())[which].base;
  };
  CHECK(base_of(EncodedRegister::r12, CodeFlow::Assumed::is_ignored) == static_cast<int>(EncodedRegister::r12));
  CHECK(base_of(EncodedRegister::r12, CodeFlow::Assumed::counts) == FlowValue::kUnknown);
  CHECK(base_of(EncodedRegister::r13, CodeFlow::Assumed::counts) == static_cast<int>(EncodedRegister::r13));
  CHECK(base_of(EncodedRegister::rsp, CodeFlow::Assumed::counts) == static_cast<int>(EncodedRegister::rsp));
}
