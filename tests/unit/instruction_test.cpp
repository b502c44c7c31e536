#include "symbolizer/unwind/instruction.h"

#include <vector>

#include "tests/catch.h"

using namespace holdwatch;

namespace {

constexpr uintptr_t kAddress = 0x400000;

Instruction decoded(const std::vector<unsigned char>& bytes) {
  const std::optional<Instruction> instruction = decode(bytes.data(), bytes.size(), kAddress);
  REQUIRE(instruction);
  CHECK(instruction->length == bytes.size());
  return *instruction;
}

bool clobbers(const Instruction& instruction, int which) {
  return (instruction.clobbers >> which & 1) != 0;
}

}  // namespace

TEST_CASE("jumps and calls say where they lead") {
  CHECK(decoded({0xeb, 0x10}).target == kAddress + 0x12);
  CHECK(decoded({0xeb, 0x10}).operation == Operation::jump);
  CHECK(decoded({0xe9, 0xfb, 0xff, 0xff, 0xff}).target == kAddress);
  CHECK(decoded({0xf2, 0xe9, 0, 0, 0, 0}).target == kAddress + 6);  // bnd
  CHECK(decoded({0x75, 0xfe}).operation == Operation::branch);
  CHECK(decoded({0x75, 0xfe}).condition == 5);
  CHECK(decoded({0x0f, 0x84, 0, 1, 0, 0}).target == kAddress + 0x106);
  CHECK(decoded({0xe8, 1, 0, 0, 0}).operation == Operation::call);
  CHECK(decoded({0xff, 0xd0}).operation == Operation::call_indirect);
  CHECK(decoded({0x3e, 0xff, 0xe0}).operation == Operation::jump_indirect);  // notrack
  const Instruction through_slot = decoded({0xff, 0x25, 0x10, 0, 0, 0});
  CHECK(through_slot.base == Instruction::kRipRelative);
  CHECK(through_slot.displacement == 0x10);
}

TEST_CASE("what is done to the stack pointer is understood") {
  CHECK(decoded({0x41, 0x57}).operation == Operation::push);
  const Instruction allocation = decoded({0x48, 0x81, 0xec, 0, 0x10, 0, 0});
  CHECK(allocation.operation == Operation::add_constant);
  CHECK(allocation.reg == 4);
  CHECK(allocation.constant == -0x1000);
  CHECK(decoded({0x48, 0x83, 0xe4, 0xe0}).operation == Operation::align);
  CHECK(decoded({0x48, 0x29, 0xc4}).operation == Operation::sub_register);
  const Instruction address = decoded({0x48, 0x8d, 0x65, 0xd8});  // lea -0x28(%rbp),%rsp
  CHECK(address.operation == Operation::address);
  CHECK(address.reg == 4);
  CHECK(address.base == 5);
  CHECK(address.displacement == -0x28);
  CHECK(decoded({0xc9}).operation == Operation::leave);
  CHECK(decoded({0xf3, 0xc3}).operation == Operation::ret);
}

TEST_CASE("which registers other instructions change is known") {
  CHECK(clobbers(decoded({0x89, 0xc5}), 5));                    // mov %eax,%ebp
  CHECK_FALSE(clobbers(decoded({0x88, 0xe5}), 5));              // mov %ah,%ch
  CHECK_FALSE(clobbers(decoded({0x39, 0xc5}), 5));              // cmp
  CHECK(clobbers(decoded({0x0f, 0xaf, 0xe8}), 5));              // imul %eax,%ebp
  CHECK_FALSE(clobbers(decoded({0x66, 0x0f, 0x6f, 0xe8}), 5));  // movdqa %xmm0,%xmm5
  CHECK(clobbers(decoded({0xc4, 0xe2, 0xf8, 0xf2, 0xe8}), 5));  // andn %rax,%rax,%rbp
  CHECK_FALSE(clobbers(decoded({0xc5, 0xfd, 0x6f, 0xe8}), 5));  // vmovdqa %ymm0,%ymm5
  CHECK(clobbers(decoded({0xe8, 0, 0, 0, 0}), 0));              // a call: rax
  CHECK_FALSE(clobbers(decoded({0xe8, 0, 0, 0, 0}), 5));        // but not rbp
}

TEST_CASE("bytes that are incomplete or no instruction are rejected") {
  const unsigned char cut[] = {0xe8, 1, 2};
  CHECK_FALSE(decode(cut, sizeof cut, kAddress));
  const unsigned char invalid[] = {0x06, 0, 0};
  CHECK_FALSE(decode(invalid, sizeof invalid, kAddress));
  CHECK_FALSE(decode(cut, 0, kAddress));
  const std::vector<unsigned char> prefixes(20, 0x66);
  CHECK_FALSE(decode(prefixes.data(), prefixes.size(), kAddress));
}

TEST_CASE("operations on the low half of a register say so, and change it") {
  const Instruction move = decoded({0x89, 0xd3});  // mov %edx,%ebx
  CHECK(move.operation == Operation::move_low);
  CHECK(move.reg == 3);
  CHECK(move.rm == 2);
  CHECK(clobbers(move, 3));
  CHECK(decoded({0x8b, 0x47, 0x08}).operation == Operation::load_low);
  CHECK(decoded({0x8d, 0x7b, 0x01}).operation == Operation::address_low);
  CHECK(decoded({0x83, 0xef, 0x01}).operation == Operation::add_constant_low);
  CHECK(decoded({0x83, 0xef, 0x01}).constant == -1);
  CHECK(decoded({0x48, 0x63, 0xd2}).operation == Operation::extend);  // movslq %edx,%rdx
  CHECK(decoded({0x48, 0x98}).operation == Operation::extend);        // cltq
  CHECK(decoded({0x98}).operation == Operation::other);               // cwtl
  CHECK(decoded({0x66, 0x89, 0xd3}).operation == Operation::other);   // mov %dx,%bx
}

TEST_CASE("constants, shifts and scaled indices are understood") {
  CHECK(decoded({0x31, 0xff}).operation == Operation::load_constant);  // xor %edi,%edi
  const Instruction low = decoded({0xbf, 0, 0, 0, 0x80});              // mov $0x80000000,%edi
  CHECK(low.operation == Operation::load_constant);
  CHECK(low.constant == 0x80000000);
  const Instruction shift = decoded({0x48, 0xc1, 0xe2, 0x04});  // shl $4,%rdx
  CHECK(shift.operation == Operation::shift_left);
  CHECK(shift.reg == 2);
  CHECK(shift.constant == 4);
  CHECK(decoded({0xff, 0x14, 0xd0}).scale == 8);  // call *(%rax,%rdx,8)
}
