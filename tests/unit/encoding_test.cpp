// How the bytes of an instruction are taken apart.
#include "symbolizer/x86/encoding.h"

#include <vector>

#include "tests/catch.h"

using namespace holdwatch;

namespace {

std::optional<Encoding> encoding(const std::vector<unsigned char>& bytes) {
  return decode_encoding(bytes.data(), bytes.size());
}

size_t length(const std::vector<unsigned char>& bytes) {
  const auto it = encoding(bytes);
  return it ? it->length : 0;
}

// In front of bytes that do not belong to it, an instruction has the same length.
bool is_whole(std::vector<unsigned char> bytes) {
  const size_t size = bytes.size();
  if (length(bytes) != size) return false;
  bytes.resize(2 * kMaxInstruction, 0xff);
  if (length(bytes) != size) return false;
  bytes.resize(size - 1);
  return length(bytes) == 0;
}

}  // namespace

TEST_CASE("instructions have the length that the manual gives them") {
  CHECK(is_whole({0x48, 0x8b, 0x05, 1, 0, 0, 0}));        // mov 1(%rip),%rax
  CHECK(is_whole({0x48, 0xb8, 1, 2, 3, 4, 5, 6, 7, 8}));  // movabs
  CHECK(is_whole({0x66, 0xb8, 1, 2}));                    // mov $0x201,%ax
  CHECK(is_whole({0x66, 0x48, 0x81, 0xc0, 1, 0, 0, 0}));  // REX.W counts, not 66: add $1,%rax
  CHECK(is_whole({0xf3, 0x0f, 0x1e, 0xfa}));              // endbr64
  CHECK(is_whole({0xf7, 0xc7, 1, 0, 0, 0}));              // test $1,%edi
  CHECK(is_whole({0xf6, 0xc1, 1}));                       // test $1,%cl
  CHECK(is_whole({0xf7, 0xd8}));                          // neg %eax
  CHECK(is_whole({0xc8, 0x10, 0, 1}));                    // enter
  CHECK(is_whole({0xa1, 1, 2, 3, 4, 5, 6, 7, 8}));        // movabs 0x...,%eax
  CHECK(is_whole({0x67, 0xa1, 1, 2, 3, 4}));              // the same with 32 bits
  CHECK(is_whole({0x0f, 0xaa}));                          // rsm
  CHECK(is_whole({0x66, 0x0f, 0x3a, 0x0f, 0xc1, 0x08}));  // palignr
  CHECK(is_whole({0xc5, 0xfe, 0x6f, 0x06}));              // vmovdqu (%rsi),%ymm0
  CHECK(is_whole({0xc5, 0xf8, 0x77}));                    // vzeroupper
  CHECK(is_whole({0xc4, 0xe3, 0x7d, 0x39, 0xc0, 0x01}));  // vextracti128
  CHECK(is_whole({0x62, 0xf1, 0xfe, 0x48, 0x6f, 0x06}));  // vmovdqu64 (%rsi),%zmm0
  CHECK(is_whole({0x62, 0xf5, 0x7e, 0x08, 0x2d, 0xc0}));  // vcvtsh2si %xmm0,%eax
}

TEST_CASE("only the last of several prefixes may be REX") {
  CHECK(encoding({0x66, 0x48, 0x89, 0xd3})->is_wide);
  CHECK_FALSE(encoding({0x48, 0x66, 0x89, 0xd3})->is_wide);
  CHECK(encoding({0x41, 0x48, 0x89, 0xd3})->rm == 3);
}

TEST_CASE("operands are found") {
  CHECK(encoding({0x48, 0x8b, 0x05, 1, 0, 0, 0})->memory->is_relative);
  const auto indexed = encoding({0x43, 0x8b, 0x44, 0x8c, 0x10});  // mov 0x10(%r12,%r9,4),%eax
  REQUIRE(indexed);
  REQUIRE(indexed->memory);
  CHECK(indexed->memory->base == 12);
  CHECK(indexed->memory->index == 9);
  CHECK(indexed->memory->scale == 4);
  CHECK(indexed->memory->displacement == 0x10);
  CHECK(indexed->memory->is_computable);
  const auto fixed = encoding({0x8b, 0x04, 0x25, 0, 0, 0, 0x80});  // mov 0xffffffff80000000,%eax
  REQUIRE(fixed);
  CHECK(fixed->memory->is_fixed());
  CHECK_FALSE(fixed->memory->is_relative);
  CHECK(fixed->memory->displacement == INT32_MIN);
  const auto register_form = encoding({0x4d, 0x89, 0xc7});  // mov %r8,%r15
  REQUIRE(register_form);
  CHECK_FALSE(register_form->memory);
  CHECK(register_form->reg == 8);
  CHECK(register_form->rm == 15);
}

TEST_CASE("an address that the operand's fields do not give is not computed") {
  CHECK_FALSE(encoding({0x64, 0x48, 0x8b, 0x04, 0x25, 0, 0, 0, 0})->memory->is_computable);  // mov %fs:0,%rax
  CHECK_FALSE(encoding({0x67, 0x8b, 0x01})->memory->is_computable);                          // mov (%ecx),%eax
  CHECK_FALSE(encoding({0xc4, 0xe2, 0x75, 0x90, 0x04, 0x18})->memory->is_computable);        // vpgatherdd
  CHECK_FALSE(encoding({0x62, 0xf1, 0xfe, 0x48, 0x6f, 0x46, 0x01})->memory->is_computable);  // vmovdqu64 64(%rsi)
  CHECK(encoding({0x62, 0xf1, 0xfe, 0x48, 0x6f, 0x06})->memory->is_computable);
}

TEST_CASE("what is no instruction is rejected") {
  CHECK_FALSE(encoding({}));
  CHECK_FALSE(encoding({0x06}));
  CHECK_FALSE(encoding({0x0f, 0x04}));
  CHECK_FALSE(encoding(std::vector<unsigned char>(20, 0x66)));
  CHECK_FALSE(encoding({0x66, 0xc5, 0xfe, 0x6f, 0x06}));              // a prefix before VEX
  CHECK_FALSE(encoding({0x48, 0xc5, 0xfe, 0x6f, 0x06}));              // REX before VEX
  CHECK_FALSE(encoding({0xc5, 0xfe, 0x05}));                          // an opcode without a form for vectors
  CHECK_FALSE(encoding({0x62, 0xf4, 0xfe, 0x48, 0x6f, 0x06}));        // APX: map 4
  CHECK_FALSE(encoding({0x62, 0xf1, 0xfa, 0x48, 0x6f, 0x06}));        // APX: a fixed bit
  CHECK_FALSE(encoding({0xc4, 0xe5, 0x7d, 0x39, 0xc0, 0x01, 0, 0}));  // VEX has three maps
}
