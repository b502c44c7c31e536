// What is known of registers and of the stack at one instruction of a function, relative to the registers at its entry.
// Plain values.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "symbolizer/x86/registers.h"

namespace holdwatch {

// `base` plus `offset`: base is the value of a register at the entry (0 ... 15, as encoded), or the stack pointer after
// it was lowered by an unknown amount (kFirstLowering and above).
struct FlowValue {
  static constexpr int kUnknown = -1;
  static constexpr int kConstant = -2;    // the value is the offset alone
  static constexpr int kStackGuard = -3;  // what -fstack-protector puts between arrays and the return address
  static constexpr int kFirstLowering = kGeneralRegisters;
  int base = kUnknown;
  int64_t offset = 0;
  bool is_loaded = false;  // the contents of memory at that address, not the address itself

  bool is_address() const { return base >= 0 && !is_loaded; }
  // Whether it is an argument passed in a register (System V ABI, section 3.2.3), or has a known distance from one.
  bool is_argument() const;
  bool operator==(const FlowValue&) const = default;
};

inline constexpr EncodedRegister kArgumentRegisters[] = {EncodedRegister::rdi, EncodedRegister::rsi,
                                                         EncodedRegister::rdx, EncodedRegister::rcx,
                                                         EncodedRegister::r8,  EncodedRegister::r9};

inline bool FlowValue::is_argument() const {
  for (const EncodedRegister which : kArgumentRegisters)
    if (base == static_cast<int>(which)) return !is_loaded;
  return false;
}

// A 64-bit value that the function has stored at an address relative to its frame.
struct FlowStore {
  FlowValue where;
  FlowValue what;
  bool operator==(const FlowStore&) const = default;
};

struct FlowState {
  std::array<FlowValue, 16> registers;
  std::vector<FlowStore> stores;  // not overwritten since, as far as could be seen

  FlowValue& operator[](EncodedRegister which) { return registers[static_cast<size_t>(which)]; }
  const FlowValue& operator[](EncodedRegister which) const { return registers[static_cast<size_t>(which)]; }
  // As at the entry: the return address is on top of the stack.
  bool has_no_frame() const {
    return (*this)[EncodedRegister::rsp] == FlowValue{static_cast<int>(EncodedRegister::rsp), 0, false};
  }
};

}  // namespace holdwatch
