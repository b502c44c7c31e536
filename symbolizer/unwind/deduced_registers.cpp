// See deduced_registers.h.
#include "symbolizer/unwind/deduced_registers.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <optional>

#include "symbolizer/unwind/known_registers.h"
#include "symbolizer/unwind/pointer_call.h"

namespace holdwatch {
namespace {

size_t index_of(EncodedRegister which) {
  return static_cast<size_t>(which);
}

KnownRegisters preserved_in(const RegisterSet& frame) {
  KnownRegisters known{};
  for (const auto& [which, encoded] : kPreservedRegisters) {
    if (frame.knows(which)) known[index_of(encoded)] = frame[which];
  }
  return known;
}

// How a register's value came about since the function was entered, and what is known at its call and at its entry.
class RegistersAtCall {
 public:
  // `may_load`: what may have changed since.
  RegistersAtCall(const FlowState& state, const KnownRegisters& known, const KnownRegisters& at_entry,
                  const Modules& modules, MemoryReader& memory, bool may_load)
      : state_(state), known_(known), at_entry_(at_entry), modules_(modules), memory_(memory), may_load_(may_load) {}

  std::optional<uint64_t> value_of(EncodedRegister which) const {
    if (const auto known = known_[index_of(which)]) return known;
    const FlowValue& wanted = state_[which];
    if (wanted.base == FlowValue::kConstant && !wanted.is_loaded) return static_cast<uint64_t>(wanted.offset);
    if (wanted.base == FlowValue::kConstant) return constant_at(static_cast<uintptr_t>(wanted.offset));
    if (wanted.base < 0) return std::nullopt;
    return wanted.is_loaded ? loaded_again(wanted) : address_of(wanted);
  }

  // What is now where a value was loaded from.
  std::optional<uint64_t> loaded_again(const FlowValue& value) const {
    const auto address = !may_load_ || value.base < 0 ? std::nullopt : address_of(value);
    return address ? memory_.read_value<uint64_t>(*address) : std::nullopt;
  }

  // A pointer of the linkage table, which is not written again, or a variable.
  std::optional<uint64_t> constant_at(uintptr_t address) const {
    const Mapping* const mapping = modules_.mapping(address);
    const bool is_constant = mapping != nullptr && !mapping->writable;
    return is_constant || may_load_ ? memory_.read_value<uint64_t>(address) : std::nullopt;
  }

  // What was loaded from memory says nothing of where that is.
  std::optional<uint64_t> address_of(const FlowValue& wanted) const {
    for (size_t number = 0; number < known_.size(); ++number) {
      const FlowValue& from = state_.registers[number];
      if (known_[number] && !from.is_loaded && from.base == wanted.base)
        return *known_[number] + static_cast<uint64_t>(wanted.offset - from.offset);
    }
    const auto base = wanted.base < kGeneralRegisters ? at_entry_[static_cast<size_t>(wanted.base)] : std::nullopt;
    return base ? std::optional(*base + static_cast<uint64_t>(wanted.offset)) : std::nullopt;
  }

 private:
  const FlowState& state_;
  const KnownRegisters& known_;
  const KnownRegisters& at_entry_;
  const Modules& modules_;
  MemoryReader& memory_;
  bool may_load_;
};

class Deduction {
 public:
  Deduction(const Modules& modules, Code& code, StackStepper& stepper, MemoryReader& memory)
      : modules_(modules), code_(code), stepper_(stepper), memory_(memory), calls_(memory) {}

  // To be called first, for the innermost frame: the kernel shows what its function has passed on to the system call.
  void look_at_call(const RegisterSet& innermost, const SystemCall& call) {
    const uintptr_t pc = innermost[kRip] - sizeof kSystemCall;
    const auto procedure = call.known && is_system_call(pc) ? code_.procedure(pc) : std::nullopt;
    const uintptr_t entry = procedure ? stepper_.entry_of(*procedure, innermost) : 0;
    if (entry == 0 || !follow(entry, pc, false)) return;
    const FlowState& state = *code_.flow().watched();
    for (size_t i = 0; i < std::size(kSystemCallArguments); ++i) {
      const FlowValue& from = state[kSystemCallArguments[i]];
      if (from.is_argument())
        called_with_[static_cast<size_t>(from.base)] = call.arguments[i] - static_cast<uint64_t>(from.offset);
    }
    called_entry_ = entry;
  }

  // To be called for each frame, outermost first. `calls_innermost`: it is the innermost frame's caller.
  DeducedFrame deduce(const RegisterSet& frame, bool calls_innermost) {
    DeducedFrame deduced{frame, frame};
    const std::optional<Procedure> procedure = frame.ip_is_exact ? std::nullopt : code_.procedure(frame.lookup_pc());
    const uintptr_t entry = procedure ? stepper_.entry_of(*procedure, frame) : 0;
    const KnownRegisters certain_entry = at_entry(entry, caller_.certain, certain_arguments_);
    const KnownRegisters likely_entry = likely_at_entry(entry);
    deduced.entry = entry;
    deduced.at_entry = likely_entry;
    certain_arguments_.fill(std::nullopt);
    likely_arguments_.fill(std::nullopt);
    at_call_.fill(std::nullopt);
    if (entry != 0 && follow(entry, frame[kRip], true)) {
      const FlowState state = *code_.flow().watched();
      const KnownRegisters preserved = preserved_in(frame);
      const KnownRegisters known = calls_innermost ? with_arguments(frame, preserved) : preserved;
      const RegistersAtCall certain(state, known, certain_entry, modules_, memory_, false);
      add(certain, deduced.certain, certain_arguments_);
      const RegistersAtCall likely(state, known, likely_entry, modules_, memory_, true);
      const int agreeing = compare(state, preserved, certain, likely);
      deduced.is_supported =
          agreeing > 0 || (agreeing == 0 && compare(state, without_numbers(known), certain, likely) > 0);
      if (agreeing >= 0) add(likely, deduced.likely, likely_arguments_);
      if (agreeing >= 0) add_arguments(*procedure, deduced.likely, likely_entry);
    }
    caller_ = deduced;
    has_caller_ = true;
    return deduced;
  }

 private:
  static constexpr unsigned char kSystemCall[] = {0x0f, 0x05};
  static constexpr EncodedRegister kSystemCallArguments[] = {EncodedRegister::rdi, EncodedRegister::rsi,
                                                             EncodedRegister::rdx, EncodedRegister::r10,
                                                             EncodedRegister::r8,  EncodedRegister::r9};

  bool is_system_call(uintptr_t pc) const {
    const auto bytes = memory_.read_value<std::array<unsigned char, sizeof kSystemCall>>(pc);
    return bytes && std::equal(bytes->begin(), bytes->end(), kSystemCall);
  }

  // What the innermost function was called with is what its caller had in these registers.
  KnownRegisters with_arguments(const RegisterSet& frame, KnownRegisters known) {
    const auto target = called_entry_ == 0 ? std::nullopt : code_.callee_entry(frame[kRip]);
    const uint32_t changed = target ? changed_before(*target) : UINT32_MAX;
    for (const EncodedRegister which : kArgumentRegisters)
      if ((changed >> index_of(which) & 1) == 0) known[index_of(which)] = called_with_[index_of(which)];
    return known;
  }

  // A number that is passed on may be the same in many objects: that an argument agrees with memory supports something only if it is
  // a pointer.
  KnownRegisters without_numbers(KnownRegisters known) const {
    for (const EncodedRegister which : kArgumentRegisters) {
      auto& value = known[index_of(which)];
      if (value && modules_.mapping(*value) == nullptr) value.reset();
    }
    return known;
  }

  // Which registers a function that only leads to the innermost one may change before: a few instructions and a jump, as semop to
  // semtimedop. A bit for each; all if it is another function.
  uint32_t changed_before(uintptr_t pc) {
    constexpr int kLongest = 6;
    uint32_t changed = 0;
    for (int count = 0; pc != called_entry_; ++count) {
      const Instruction* const instruction = count < kLongest ? code_.flow().instruction_at(pc) : nullptr;
      if (instruction == nullptr || is_call(*instruction)) return UINT32_MAX;
      const bool is_jump = instruction->operation == Operation::jump;
      if (!is_jump && (is_direct_jump(*instruction) || ends_path(*instruction))) return UINT32_MAX;
      changed |= changed_registers(*instruction);
      pc = is_jump ? instruction->target : pc + instruction->length;
    }
    return changed;
  }

  bool follow(uintptr_t entry, uintptr_t pc, bool is_return_address) {
    code_.flow().watch(pc, is_return_address);
    code_.flow().follow_function(entry, CodeFlow::Assumed::counts);
    return code_.flow().watched().has_value();
  }

  static void add(const RegistersAtCall& at_call, RegisterSet& frame, KnownRegisters& arguments) {
    for (const auto& [which, encoded] : kPreservedRegisters) {
      const auto value = frame.knows(which) ? std::nullopt : at_call.value_of(encoded);
      if (value) frame.set(which, *value);
    }
    for (const EncodedRegister which : kArgumentRegisters) arguments[index_of(which)] = at_call.value_of(which);
  }

  // By the last instructions before the call, which may load more than once.
  void add_arguments(const Procedure& procedure, const RegisterSet& frame, const KnownRegisters& entry) {
    at_call_ = calls_.at_call(procedure, frame,
                              calls_.followed_from(procedure, frame) == procedure.start ? entry : KnownRegisters{});
    for (const EncodedRegister which : kArgumentRegisters) {
      if (!likely_arguments_[index_of(which)]) likely_arguments_[index_of(which)] = at_call_[index_of(which)];
    }
  }

  // How many of the registers that inner frames have saved were loaded through what is likely only, and are still what is there
  // now; -1 if any is not.
  static int compare(const FlowState& state, const KnownRegisters& known, const RegistersAtCall& certain,
                     const RegistersAtCall& likely) {
    int agreeing = 0;
    for (size_t number = 0; number < known.size(); ++number) {
      const FlowValue& value = state.registers[number];
      if (!known[number] || !value.is_loaded || value.base < 0 || certain.address_of(value)) continue;
      const auto now = likely.loaded_again(value);
      if (now && *now != *known[number]) return -1;
      if (now) ++agreeing;
    }
    return agreeing;
  }

  // What the function that begins at `entry` was called with. Registers that a function preserves have the caller's values also
  // if it was entered by a jump from another one; arguments only if the call leads to it.
  KnownRegisters at_entry(uintptr_t entry, const RegisterSet& caller, const KnownRegisters& arguments) {
    KnownRegisters values{};
    if (!has_caller_ || caller.ip_is_exact || entry == 0) return values;
    values = preserved_in(caller);
    values[index_of(EncodedRegister::rsp)] = caller[kRsp] - sizeof(uintptr_t);
    if (code_.callee_entry(caller[kRip]) != entry) return values;
    for (const EncodedRegister which : kArgumentRegisters) values[index_of(which)] = arguments[index_of(which)];
    return values;
  }

  // The same if the call is made through a pointer, by what is in it now, or to a function that ends in a jump.
  KnownRegisters likely_at_entry(uintptr_t entry) {
    const RegisterSet& caller = caller_.likely;
    KnownRegisters values = at_entry(entry, caller, likely_arguments_);
    if (!has_caller_ || caller.ip_is_exact || entry == 0) return values;
    const std::optional<Procedure> procedure = code_.procedure(caller.lookup_pc());
    const auto direct = code_.callee_entry(caller[kRip]);
    if (!procedure || direct == entry) return values;
    const auto target = direct ? direct : calls_.target(*procedure, caller, at_call_);
    KnownRegisters at_call = preserved_in(caller);
    for (const EncodedRegister which : kArgumentRegisters)
      at_call[index_of(which)] = likely_arguments_[index_of(which)];
    const auto followed = target ? calls_.follow(*target, entry, at_call) : std::nullopt;
    for (const EncodedRegister which : kArgumentRegisters) {
      if (followed) values[index_of(which)] = (*followed)[index_of(which)];
    }
    return values;
  }

  const Modules& modules_;
  Code& code_;
  StackStepper& stepper_;
  MemoryReader& memory_;
  PointerCalls calls_;
  uintptr_t called_entry_ = 0;  // of the function that is in a system call; 0: not known, or none
  KnownRegisters called_with_{};
  DeducedFrame caller_{};
  bool has_caller_ = false;
  KnownRegisters certain_arguments_{};  // at the caller's call
  KnownRegisters likely_arguments_{};
  KnownRegisters at_call_{};  // by the last instructions before it
};

}  // namespace

std::vector<DeducedFrame> deduce_registers(const std::vector<RegisterSet>& frames, const SystemCall& call,
                                           const Modules& modules, Code& code, StackStepper& stepper,
                                           MemoryReader& memory) {
  Deduction deduction(modules, code, stepper, memory);
  if (!frames.empty()) deduction.look_at_call(frames.front(), call);
  std::vector<DeducedFrame> deduced(frames.size());
  for (size_t index = frames.size(); index-- != 0;) deduced[index] = deduction.deduce(frames[index], index == 1);
  return deduced;
}

}  // namespace holdwatch
