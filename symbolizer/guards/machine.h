// A processor that is followed on paper: its registers and flags as far as they are known, and memory as it is in the watched
// process, with what the followed code has written kept aside. Nothing is executed and nothing is written.
// Cold context only; one thread at a time. A copy is another course of events from the same moment.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>

#include "symbolizer/guards/code_reader.h"
#include "symbolizer/unwind/memory.h"

namespace holdwatch {

using Known = std::optional<uint64_t>;

// What has been written, in words. A byte that was written with an unknown value is unknown.
class WrittenMemory {
 public:
  void write(uintptr_t address, size_t size, Known value);

  // Anything may have been written anywhere.
  void forget();

  // Up to eight bytes, as they are in `memory` where nothing was written.
  Known read(uintptr_t address, size_t size, MemoryReader& memory) const;

 private:
  struct Word {
    uint64_t value = 0;
    uint64_t written = 0;  // masks of whole bytes
    uint64_t known = 0;
  };
  std::map<uintptr_t, Word> words_;  // by address, a multiple of eight
  bool others_are_known_ = true;
};

// How the code continues after an instruction.
struct Course {
  enum class Kind : uint8_t { next, jump, branch, call, ret, stop };
  Kind kind = Kind::next;
  Known target{};                  // of a jump, a branch or a call
  std::optional<bool> is_taken{};  // of a branch
};

class Machine {
 public:
  explicit Machine(MemoryReader& memory) : memory_(&memory) {}

  Known get(EncodedRegister which) const { return registers_[static_cast<size_t>(which)]; }
  void set(EncodedRegister which, Known value) { registers_[static_cast<size_t>(which)] = value; }

  // What a function may change that was called and is not followed.
  void forget_caller_saved();

  // The objects on the stack that such a function may change: those whose addresses are its first arguments.
  void forget_arguments();

  void push(Known value);
  Known pop();

  // `next` is the address of the next instruction.
  Course execute(const DecodedInstruction& instruction, uintptr_t next);

 private:
  using Vector = std::array<Known, 2>;  // its low 16 bytes
  struct Flags {
    std::optional<bool> zero{}, sign{}, carry{}, overflow{};
  };

  Known address_of(const Operand& operand, uintptr_t next) const;
  Known value_of(const Operand& operand, uintptr_t next) const;
  void assign(const Operand& operand, Known value, uintptr_t next);
  Vector vector_of(const Operand& operand, uintptr_t next) const;
  void assign_vector(const Operand& operand, const Vector& value, uintptr_t next);
  void calculate(const DecodedInstruction& instruction, uintptr_t next);
  void calculate_known(Action action, const Operand& to, uint64_t left, uint64_t right, uintptr_t next);
  void set_result_flags(uint64_t result, size_t size);
  void shift(const DecodedInstruction& instruction, uintptr_t next);
  void multiply(const DecodedInstruction& instruction, uintptr_t next);
  void exchange(const DecodedInstruction& instruction, uintptr_t next);
  void compare_exchange(const DecodedInstruction& instruction, uintptr_t next);
  void move_conditionally(const DecodedInstruction& instruction, uintptr_t next);
  void forget_written(const DecodedInstruction& instruction, uintptr_t next);
  void forget_changed(const DecodedInstruction& instruction, uintptr_t next);
  std::optional<bool> holds(uint8_t condition) const;

  std::array<Known, kGeneralRegisters> registers_{};
  std::array<Vector, 16> vectors_{};
  Flags flags_{};
  WrittenMemory written_;
  MemoryReader* memory_;
};

}  // namespace holdwatch
