// The values of the general registers, as far as they are known, and what one instruction makes of them, on memory as it
// is now. Cold context only. Nothing is executed.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "symbolizer/unwind/memory.h"
#include "symbolizer/x86/instruction.h"

namespace holdwatch {

// Numbered as encoded.
using KnownRegisters = std::array<std::optional<uint64_t>, kGeneralRegisters>;

// The operand's address; none if it depends on something unknown. `next` is the address of the next instruction.
std::optional<uintptr_t> address_of(const MemoryOperand& operand, const KnownRegisters& registers, uintptr_t next);

// The value of the instruction's source: for a call or jump through a pointer, where it leads.
std::optional<uint64_t> source_of(const Instruction& instruction, const KnownRegisters& registers, uintptr_t next,
                                  MemoryReader& memory);

// Turns the registers before the instruction into those after it.
void follow_instruction(const Instruction& instruction, uintptr_t next, MemoryReader& memory,
                        KnownRegisters& registers);

}  // namespace holdwatch
