// One step up a stack: from the registers of a frame to those of its caller, by the module's unwind tables.
// Cold context only. The only pair of files that uses libunwind. Each step starts libunwind afresh, so that our code,
// and not libunwind, decides which registers are known and whether an address is exact.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>

#include "symbolizer/unwind/eh_frame.h"
#include "symbolizer/unwind/memory.h"
#include "symbolizer/unwind/modules.h"

namespace holdwatch {

// In DWARF's order for x86-64 (System V ABI, figure 3.36).
enum Register : unsigned {
  kRax,
  kRdx,
  kRcx,
  kRbx,
  kRsi,
  kRdi,
  kRbp,
  kRsp,
  kR8,
  kR9,
  kR10,
  kR11,
  kR12,
  kR13,
  kR14,
  kR15,
  kRip,
  kRegisters
};

// The registers of one frame, as far as they are known.
struct RegisterSet {
  std::array<uintptr_t, kRegisters> values{};
  uint32_t known = 0;        // bit per register
  bool ip_is_exact = false;  // false: rip is a return address

  bool knows(Register which) const { return (known >> which & 1) != 0; }
  uintptr_t operator[](Register which) const { return values[which]; }
  void set(Register which, uintptr_t value) {
    values[which] = value;
    known |= 1u << which;
  }
  // An address inside the frame's current instruction: for a return address, inside the call before it.
  uintptr_t lookup_pc() const { return values[kRip] - (ip_is_exact ? 0 : 1); }
};

enum class Stepped : uint8_t {
  to_caller,
  end,               // the tables say that this function has no caller (the return address is undefined)
  no_procedure,      // no table describes the address
  unknown_register,  // the tables need an unknown register
  unreadable         // memory that cannot be read, or invalid tables
};

struct StepResult {
  Stepped outcome = Stepped::unreadable;
  bool was_signal_frame = false;          // the frame is a signal trampoline: its caller was interrupted
  uintptr_t cfa = 0;                      // with to_caller and end
  unsigned needed_register = kRegisters;  // with unknown_register
};

class FrameStepper {
 public:
  explicit FrameStepper(const Modules& modules);
  ~FrameStepper();

  // Steps `registers` up; they are unchanged unless the outcome is to_caller.
  StepResult step(RegisterSet& registers, MemoryReader& memory);

  std::optional<Procedure> procedure(uintptr_t pc, MemoryReader& memory) const;

  // Drops what libunwind has cached of the tables.
  void forget();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace holdwatch
