// What single instructions do.
#include "symbolizer/x86/instruction.h"

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

bool changes(const std::vector<unsigned char>& bytes, EncodedRegister which) {
  return (changed_registers(decoded(bytes)) & register_bit(which)) != 0;
}

bool moves_from(const Instruction& instruction, Source source, bool is_wide) {
  return instruction.is_move_of(source) && instruction.is_wide == is_wide;
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
  CHECK(through_slot.source == Source::memory);
  CHECK(through_slot.is_wide);
  CHECK(through_slot.memory->is_relative);
  CHECK(through_slot.memory->displacement == 0x10);
  const Instruction far_jump = decoded({0xff, 0x2d, 0x10, 0, 0, 0});
  CHECK(far_jump.operation == Operation::jump_indirect);
  CHECK_FALSE(far_jump.memory->is_computable);
  CHECK_FALSE(is_call(decoded({0xff, 0x1d, 0x10, 0, 0, 0})));             // a far call, which pushes two words
  CHECK(decoded({0xc7, 0xf8, 0x10, 0, 0, 0}).target == kAddress + 0x16);  // xbegin: where an abort leads
}

TEST_CASE("where execution ends is known") {
  CHECK(ends_path(decoded({0xc3})));
  CHECK(ends_path(decoded({0xff, 0xe0})));
  CHECK(ends_path(decoded({0x0f, 0x0b})));  // ud2
  CHECK_FALSE(ends_path(decoded({0xcc})));  // int3: a debugger may continue
  CHECK(decoded({0xcc}).operation == Operation::breakpoint);
  CHECK_FALSE(ends_path(decoded({0x75, 0})));
  CHECK(is_direct_jump(decoded({0xe3, 0})));  // jrcxz
}

TEST_CASE("what is done to the stack pointer is understood") {
  CHECK(decoded({0x41, 0x57}).operation == Operation::push);
  CHECK(decoded({0x9c}).operation == Operation::push);         // pushf
  CHECK(decoded({0x66, 0x50}).operation == Operation::other);  // push %ax: by 2
  CHECK(changes({0x66, 0x50}, EncodedRegister::rsp));
  CHECK(changes({0x66, 0x6a, 1}, EncodedRegister::rsp));
  CHECK(changes({0x66, 0xc9}, EncodedRegister::rbp));
  CHECK(changes({0x66, 0x5b}, EncodedRegister::rbx));
  CHECK(changes({0x66, 0x5b}, EncodedRegister::rsp));
  const Instruction allocation = decoded({0x48, 0x81, 0xec, 0, 0x10, 0, 0});
  CHECK(allocation.adds_constant());
  CHECK(allocation.is_wide);
  CHECK(allocation.reg == 4);
  CHECK(allocation.constant == -0x1000);
  CHECK(decoded({0x48, 0x83, 0xe4, 0xe0}).operation == Operation::bit_and);
  CHECK(decoded({0x48, 0x29, 0xc4}).operation == Operation::subtract);
  const Instruction address = decoded({0x48, 0x8d, 0x65, 0xd8});  // lea -0x28(%rbp),%rsp
  CHECK(address.operation == Operation::address);
  CHECK(address.reg == 4);
  CHECK(address.memory->base == 5);
  CHECK(address.memory->displacement == -0x28);
  CHECK(decoded({0xc9}).operation == Operation::leave);
  CHECK(decoded({0xf3, 0xc3}).operation == Operation::ret);
}

TEST_CASE("which registers other instructions change is known") {
  using enum EncodedRegister;
  CHECK(changes({0x89, 0xc5}, rbp));        // mov %eax,%ebp
  CHECK_FALSE(changes({0x88, 0xe5}, rbp));  // mov %ah,%ch
  CHECK(changes({0x88, 0xe5}, rcx));
  CHECK(changes({0x40, 0x88, 0xe5}, rbp));              // mov %spl,%bpl
  CHECK_FALSE(changes({0x39, 0xc5}, rbp));              // cmp
  CHECK(changes({0x0f, 0xaf, 0xe8}, rbp));              // imul %eax,%ebp
  CHECK_FALSE(changes({0x66, 0x0f, 0x6f, 0xe8}, rbp));  // movdqa %xmm0,%xmm5
  CHECK(changes({0xc4, 0xe2, 0xf8, 0xf2, 0xe8}, rbp));  // andn %rax,%rax,%rbp
  CHECK(changes({0xc4, 0xe2, 0xd0, 0xf3, 0xc8}, rbp));  // blsr %rax,%rbp
  CHECK_FALSE(changes({0xc5, 0xfd, 0x6f, 0xe8}, rbp));  // vmovdqa %ymm0,%ymm5
  CHECK(changes({0xe8, 0, 0, 0, 0}, rax));              // a call
  CHECK_FALSE(changes({0xe8, 0, 0, 0, 0}, rbp));
  CHECK(changes({0x49, 0x90}, r8));  // xchg %rax,%r8
  CHECK_FALSE(changes({0x90}, rax));
  CHECK_FALSE(changes({0x0f, 0x01, 0xd5}, rbp));  // xend
  CHECK(changes({0x0f, 0x01, 0xf9}, rcx));        // rdtscp
  CHECK_FALSE(changes({0x0f, 0x01, 0xf9}, rbx));
  CHECK(changes({0x0f, 0x01, 0xe5}, rbp));                 // smsw %ebp
  CHECK(changes({0xdf, 0xe0}, rax));                       // fnstsw %ax
  CHECK_FALSE(changes({0xdf, 0xe9}, rax));                 // fucomip
  CHECK(changes({0x66, 0x0f, 0x3a, 0x63, 0xc1, 0}, rcx));  // pcmpistri
  CHECK(changes({0xf3, 0x48, 0x0f, 0x1e, 0xcb}, rbx));     // rdsspq %rbx
  CHECK_FALSE(changes({0x0f, 0xba, 0xe3, 1}, rbx));        // bt $1,%ebx
  CHECK(changes({0x0f, 0xba, 0xeb, 1}, rbx));              // bts $1,%ebx
  CHECK(changes({0xf7, 0xe3}, rdx));                       // mul %ebx
  CHECK_FALSE(changes({0xf7, 0xc3, 1, 0, 0, 0}, rbx));     // test $1,%ebx
  CHECK(changes({0x66, 0x0f, 0x7e, 0xc3}, rbx));           // movd %xmm0,%ebx
  CHECK_FALSE(changes({0xf3, 0x0f, 0x7e, 0xc3}, rbx));     // movq %xmm3,%xmm0
}

TEST_CASE("which memory an instruction accesses is known") {
  CHECK(decoded({0x8b, 0x07}).use_of_memory == MemoryUse::read);  // mov (%rdi),%eax
  CHECK(decoded({0x89, 0x07}).use_of_memory == MemoryUse::write);
  CHECK(decoded({0x48, 0x8d, 0x07}).use_of_memory == MemoryUse::none);         // lea
  CHECK(decoded({0x0f, 0x18, 0x0f}).use_of_memory == MemoryUse::none);         // prefetcht0
  CHECK(decoded({0x83, 0x3f, 0}).use_of_memory == MemoryUse::read);            // cmpl $0,(%rdi)
  CHECK(decoded({0xf0, 0x0f, 0xb1, 0x37}).use_of_memory == MemoryUse::write);  // cmpxchg
  CHECK(decoded({0x0f, 0x11, 0x07}).use_of_memory == MemoryUse::write);        // movups %xmm0,(%rdi)
  CHECK(decoded({0xc5, 0xfe, 0x7f, 0x07}).use_of_memory == MemoryUse::write);  // vmovdqu
  CHECK(decoded({0xf3, 0x0f, 0x7e, 0x07}).use_of_memory == MemoryUse::read);   // movq (%rdi),%xmm0
  const Instruction copy = decoded({0xf3, 0xa4});                              // rep movsb
  CHECK(copy.reads_at_rsi);
  CHECK(copy.use_at_rdi == MemoryUse::write);
  CHECK(decoded({0xf2, 0xae}).use_at_rdi == MemoryUse::read);  // repne scasb
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

TEST_CASE("opcodes whose reg field selects nothing are rejected") {
  const std::vector<std::vector<unsigned char>> invalid = {
      {0xff, 0xf8}, {0xff, 0xd8}, {0xfe, 0xd0}, {0xc7, 0xc8, 0, 0, 0, 0}, {0x8f, 0xe8, 0, 0}, {0x8d, 0xc0}};
  for (const auto& bytes : invalid) CHECK_FALSE(decode(bytes.data(), bytes.size(), kAddress));
}

TEST_CASE("operations on the low half of a register say so, and change it") {
  const Instruction move = decoded({0x89, 0xd3});  // mov %edx,%ebx
  CHECK(moves_from(move, Source::reg, false));
  CHECK(move.reg == 3);
  CHECK(move.rm == 2);
  CHECK(changes({0x89, 0xd3}, EncodedRegister::rbx));
  CHECK(moves_from(decoded({0x8b, 0x47, 0x08}), Source::memory, false));
  CHECK(decoded({0x8d, 0x7b, 0x01}).operation == Operation::address);
  CHECK_FALSE(decoded({0x8d, 0x7b, 0x01}).is_wide);
  CHECK(decoded({0x83, 0xef, 0x01}).adds_constant());
  CHECK(decoded({0x83, 0xef, 0x01}).constant == -1);
  CHECK(decoded({0x48, 0x63, 0xd2}).operation == Operation::sign_extend);  // movslq %edx,%rdx
  CHECK(decoded({0x48, 0x98}).operation == Operation::sign_extend);        // cltq
  CHECK(decoded({0x98}).operation == Operation::other);                    // cwtl
  CHECK(decoded({0x66, 0x89, 0xd3}).operation == Operation::other);        // mov %dx,%bx
  CHECK(decoded({0x66, 0x0f, 0xb7, 0xd3}).operation == Operation::other);  // the upper bits stay
}

TEST_CASE("constants, shifts and scaled indices are understood") {
  CHECK(moves_from(decoded({0x31, 0xff}), Source::constant, false));  // xor %edi,%edi
  const Instruction low = decoded({0xbf, 0, 0, 0, 0x80});             // mov $0x80000000,%edi
  CHECK(moves_from(low, Source::constant, false));
  CHECK(low.constant == 0x80000000);
  CHECK(decoded({0x48, 0xc7, 0xc0, 0xff, 0xff, 0xff, 0xff}).constant == -1);  // mov $-1,%rax
  const Instruction shift = decoded({0x48, 0xc1, 0xe2, 0x04});                // shl $4,%rdx
  CHECK(shift.operation == Operation::shift_left);
  CHECK(shift.reg == 2);
  CHECK(shift.constant == 4);
  CHECK(decoded({0xff, 0x14, 0xd0}).memory->scale == 8);  // call *(%rax,%rdx,8)
}
