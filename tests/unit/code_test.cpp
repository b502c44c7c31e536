#include "symbolizer/unwind/code.h"

#include "tests/catch.h"
#include "tests/unit/fake_process.h"

using namespace holdwatch;
using holdwatch::test::append_value;
using holdwatch::test::ByteVector;
using holdwatch::test::FakeMemory;
using holdwatch::test::FakeModule;

namespace {

constexpr uintptr_t kBase = 0x7f0000000000;
constexpr uintptr_t kHeap = 0x7f0000100000;

// A module of four functions: caller, callee, stub, other. Functions are 0x100 bytes apart.
struct Fixture {
  FakeMemory memory;
  Modules modules{-1, memory};
  Code code{modules, memory};
  FakeModule module{kBase, {{{0x90}, {}}, {{0x90}, {}}, {{0x90}, {}}, {{0x90}, {}}}};
  uintptr_t caller = module.function(0), callee = module.function(1), stub = module.function(2),
            other = module.function(3);

  void place(uintptr_t at, const ByteVector& bytes) {
    std::copy(bytes.begin(), bytes.end(), module.image.begin() + static_cast<std::ptrdiff_t>(at - kBase));
    map();
  }
  void map() {
    memory.regions[kBase] = module.image;
    modules.update(module.maps() + "7f0000100000-7f0000101000 rw-p 0 00:00 0\n");
  }
  // A direct jump or call from the end of an instruction at `next` to `target`.
  static ByteVector relative(ByteVector opcode, uintptr_t at, uintptr_t target) {
    append_value(opcode, static_cast<int32_t>(target - (at + opcode.size() + 4)));
    return opcode;
  }
  // Lets the stub run to these bytes, at an offset of 0x20.
  void place_in_stub(const ByteVector& bytes) {
    place(stub, ByteVector(0x20, 0x90));
    place(stub + 0x20, bytes);
  }
  // Places a direct call in the caller and returns its return address.
  uintptr_t call(uintptr_t target) {
    place(caller + 0x40, relative({0xe8}, caller + 0x40, target));
    return caller + 0x45;
  }
  bool follows(const ByteVector& instruction) {
    place(caller + 0x40, ByteVector(16, 0x90));
    place(caller + 0x40, instruction);
    return code.follows_call(caller + 0x40 + instruction.size());
  }
};

}  // namespace

TEST_CASE("every form of call instruction is recognised before a return address") {
  Fixture fixture;
  CHECK(fixture.follows({0xe8, 1, 2, 3, 0}));
  CHECK(fixture.follows({0xff, 0xd0}));                    // call *%rax
  CHECK(fixture.follows({0x41, 0xff, 0xd4}));              // call *%r12
  CHECK(fixture.follows({0xff, 0x10}));                    // call *(%rax)
  CHECK(fixture.follows({0xff, 0x50, 0x18}));              // call *0x18(%rax)
  CHECK(fixture.follows({0xff, 0x54, 0x24, 0x08}));        // call *8(%rsp)
  CHECK(fixture.follows({0xff, 0x14, 0xc7}));              // call *(%rdi,%rax,8)
  CHECK(fixture.follows({0xff, 0x15, 1, 2, 3, 0}));        // call *slot(%rip)
  CHECK(fixture.follows({0xff, 0x90, 1, 2, 3, 0}));        // call *0x30201(%rax)
  CHECK(fixture.follows({0xff, 0x94, 0x24, 1, 2, 3, 0}));  // call *0x30201(%rsp)
  CHECK(fixture.follows({0xff, 0x14, 0xc5, 1, 2, 3, 0}));  // call *table(,%rax,8)
}

TEST_CASE("other instructions are no calls") {
  Fixture fixture;
  CHECK_FALSE(fixture.follows({0x90}));
  CHECK_FALSE(fixture.follows({0xe9, 1, 2, 3, 0}));        // jmp
  CHECK_FALSE(fixture.follows({0xff, 0xe0}));              // jmp *%rax
  CHECK_FALSE(fixture.follows({0xff, 0x25, 1, 2, 3, 0}));  // jmp *slot(%rip)
  CHECK_FALSE(fixture.follows({0xff, 0x50}));              // a call cut short
  CHECK_FALSE(fixture.follows({0xff, 0x30}));              // push (%rax)
  CHECK_FALSE(fixture.code.follows_call(kHeap + 16));      // not even code
  CHECK_FALSE(fixture.code.follows_call(0));
}

TEST_CASE("a call at the very start of a mapping is recognised") {
  Fixture fixture;
  fixture.place(fixture.caller, {0xff, 0xd0, 0x90});
  CHECK(fixture.code.follows_call(fixture.caller + 2));
  CHECK_FALSE(fixture.code.follows_call(fixture.caller + 1));
}

TEST_CASE("a direct call fits the function it calls and contradicts any other") {
  Fixture fixture;
  const uintptr_t back = fixture.call(fixture.callee);
  CHECK(fixture.code.match_call(back, fixture.callee + 7, true) == CallMatch::proven);
  CHECK(fixture.code.match_call(back, fixture.other + 7, true) == CallMatch::contradicted);
}

TEST_CASE("a call through a pointer may have led anywhere") {
  Fixture fixture;
  fixture.place(fixture.caller + 0x40, {0xff, 0xd0});
  CHECK(fixture.code.match_call(fixture.caller + 0x42, fixture.other, true) == CallMatch::possible);
}

TEST_CASE("a return address without a call before it matches nothing") {
  Fixture fixture;
  fixture.map();
  CHECK(fixture.code.match_call(fixture.caller + 0x42, fixture.callee, true) == CallMatch::contradicted);
}

TEST_CASE("a call of a linkage stub fits what its slot points to") {
  Fixture fixture;
  ByteVector stub = {0xf3, 0x0f, 0x1e, 0xfa};
  SECTION("with bnd") {
    stub.push_back(0xf2);
  }
  SECTION("without") {}
  stub.insert(stub.end(), {0xff, 0x25});
  append_value(stub, static_cast<int32_t>(kHeap - (fixture.stub + stub.size() + 4)));
  fixture.place(fixture.stub, stub);
  ByteVector slot;
  append_value(slot, fixture.callee);
  fixture.memory.regions[kHeap] = slot;
  const uintptr_t back = fixture.call(fixture.stub);
  CHECK(fixture.code.match_call(back, fixture.callee, true) == CallMatch::proven);
  CHECK(fixture.code.match_call(back, fixture.other, true) == CallMatch::contradicted);
}

TEST_CASE("a called function that ends in a jump to the other one fits, one that jumps elsewhere does not") {
  Fixture fixture;
  fixture.place_in_stub(Fixture::relative({0xe9}, fixture.stub + 0x20, fixture.callee));
  const uintptr_t back = fixture.call(fixture.stub);
  CHECK(fixture.code.match_call(back, fixture.callee + 3, true) == CallMatch::proven);
  CHECK(fixture.code.match_call(back, fixture.other + 3, true) == CallMatch::contradicted);
}

TEST_CASE("a conditional jump leads to the cold part of a function") {
  Fixture fixture;
  fixture.place_in_stub(Fixture::relative({0x0f, 0x84}, fixture.stub + 0x20, fixture.callee + 9));
  CHECK(fixture.code.match_call(fixture.call(fixture.stub), fixture.callee + 12, true) == CallMatch::proven);
}

TEST_CASE("a called function that ends in a jump through a pointer may have led anywhere") {
  Fixture fixture;
  fixture.place_in_stub({0xff, 0xe0});
  CHECK(fixture.code.match_call(fixture.call(fixture.stub), fixture.callee, true) == CallMatch::possible);
}

TEST_CASE("a jump within the called function leads nowhere else") {
  Fixture fixture;
  fixture.place_in_stub(Fixture::relative({0xe9}, fixture.stub + 0x20, fixture.stub + 0x80));
  CHECK(fixture.code.match_call(fixture.call(fixture.stub), fixture.callee, true) == CallMatch::contradicted);
}

TEST_CASE("short jumps and several jumps in a row are followed") {
  Fixture fixture;
  // caller calls stub, which jumps on to other by a short jump over two others, and that to callee.
  fixture.place_in_stub({0xeb, 0x7e});
  fixture.place(fixture.stub + 0xa0, Fixture::relative({0xe9}, fixture.stub + 0xa0, fixture.other));
  fixture.place(fixture.other, Fixture::relative({0xe9}, fixture.other, fixture.callee));
  CHECK(fixture.code.match_call(fixture.call(fixture.stub), fixture.callee + 3, true) == CallMatch::proven);
}

TEST_CASE("a short jump leads into the next function") {
  Fixture fixture;
  fixture.place(fixture.stub + 0x20, ByteVector(0xd0, 0x90));
  fixture.place(fixture.stub, {0xeb, 0x7e});
  fixture.place(fixture.stub + 0xf0, {0xeb, 0x0e});  // to other, 0x100 behind
  const uintptr_t back = fixture.call(fixture.stub);
  CHECK(fixture.code.match_call(back, fixture.other + 3, true) == CallMatch::proven);
}

TEST_CASE("a jump through a pointer within a function's frame is a switch and leads nowhere else") {
  Fixture fixture;
  fixture.place_in_stub({0x48, 0x83, 0xec, 0x18, 0xff, 0xe0});  // sub $24,%rsp; jmp *%rax
  CHECK(fixture.code.match_call(fixture.call(fixture.stub), fixture.callee, true) == CallMatch::contradicted);
}

TEST_CASE("a call through a slot that cannot be written to proves what it calls and contradicts the rest") {
  Fixture fixture;
  const uintptr_t slot = fixture.module.function(0) + 0x80;  // in the code's own mapping
  ByteVector call = {0xff, 0x15};
  append_value(call, static_cast<int32_t>(slot - (fixture.caller + 0x46)));
  ByteVector value;
  append_value(value, fixture.callee);
  fixture.place(slot, value);
  fixture.place(fixture.caller + 0x40, call);
  CHECK(fixture.code.match_call(fixture.caller + 0x46, fixture.callee + 3, true) == CallMatch::proven);
  CHECK(fixture.code.match_call(fixture.caller + 0x46, fixture.other + 3, true) == CallMatch::contradicted);
}
