// What a function's code proves about the general registers at one of its instructions: constants followed along all
// paths that lead there from the function's beginning. A register with different values on two paths is unknown.
// Cold context only; bounded.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "symbolizer/activity/fault_site.h"
#include "symbolizer/activity/instruction.h"
#include "symbolizer/unwind/memory.h"

namespace holdwatch {

// By the registers' numbers in instructions: rax, rcx, rdx, rbx, rsp, rbp, rsi, rdi, r8 to r15.
using RegisterValues = std::array<std::optional<uint64_t>, 16>;

// The instruction that the innermost frame is about to execute, and the registers before it.
struct KnownPlace {
  MemoryInstruction instruction;
  RegisterValues registers;
};

// None if the code cannot be followed. Argument registers are known as far as the caller's own code proves them.
std::optional<KnownPlace> place_of(const std::vector<CodeFrame>& frames, MemoryReader& memory);

// The operand's address; none if a register that it uses is unknown.
std::optional<uintptr_t> address_of(const MemoryOperand& operand, const RegisterValues& registers, uintptr_t next);

}  // namespace holdwatch
