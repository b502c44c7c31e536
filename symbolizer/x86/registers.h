// The general registers, numbered as x86-64 instructions encode them.
#pragma once

#include <cstdint>

namespace holdwatch {

enum class EncodedRegister : uint8_t { rax, rcx, rdx, rbx, rsp, rbp, rsi, rdi, r8, r9, r10, r11, r12, r13, r14, r15 };

inline constexpr int kGeneralRegisters = 16;

// A bit per register; none for a number that is no general register.
constexpr uint32_t register_bit(int number) {
  return number >= 0 && number < kGeneralRegisters ? 1u << number : 0;
}

constexpr uint32_t register_bit(EncodedRegister which) {
  return 1u << static_cast<unsigned>(which);
}

// What a call may change (System V ABI, section 3.2.1): rax, rcx, rdx, rsi, rdi and r8 to r11.
inline constexpr uint32_t kCallerSavedRegisters = 0x0fc7;

}  // namespace holdwatch
