// Follows registers up to a call through a pointer. See pointer_call.h.
// Cold context only.
#include "symbolizer/unwind/pointer_call.h"

#include <algorithm>
#include <array>

#include "symbolizer/unwind/code_flow.h"
#include "symbolizer/unwind/tableless_step.h"

namespace holdwatch {

namespace {

constexpr uintptr_t kMaxProcedure = 65536;  // bytes
constexpr size_t kMaxWindow = 256;          // instructions
constexpr size_t kMaxWindows = 1024;        // cached
constexpr int kStackPointer = static_cast<int>(EncodedRegister::rsp);
constexpr size_t kMaxFollowed = 256;  // instructions on all paths from a call to the function that it reaches by jumps
constexpr uintptr_t kWordSize = sizeof(uintptr_t);

bool goes_on(const Instruction& instruction) {
  return !ends_path(instruction) && instruction.operation != Operation::breakpoint;
}

bool writes(const Instruction& instruction, int which) {
  return (changed_registers(instruction) & register_bit(which)) != 0;
}

// The stack pointer before an instruction, from the one after it.
std::optional<uintptr_t> stack_pointer_before(const Instruction& instruction, std::optional<uintptr_t> after) {
  if (!after || !writes(instruction, kStackPointer)) return after;
  if (instruction.operation == Operation::push) return *after + kWordSize;
  if (instruction.operation == Operation::pop && instruction.reg != kStackPointer) return *after - kWordSize;
  if (instruction.adds_constant() && instruction.is_wide) return *after - static_cast<uintptr_t>(instruction.constant);
  return std::nullopt;
}

// What was pushed may have been overwritten since: the stack is not followed.
void follow_but_stack(const Instruction& instruction, uintptr_t next, MemoryReader& memory, KnownRegisters& registers) {
  follow_instruction(instruction, next, memory, registers);
  const bool leaves = instruction.operation == Operation::leave;
  if (leaves) registers[static_cast<size_t>(EncodedRegister::rbp)].reset();
  if (leaves || instruction.operation == Operation::push ||
      (instruction.operation == Operation::pop && instruction.reg != kStackPointer))
    registers[kStackPointer].reset();
}

}  // namespace

const PointerCalls::Window& PointerCalls::window_before(const Procedure& procedure, uintptr_t return_address) {
  const auto known = windows_.find(return_address);
  if (known != windows_.end()) return known->second;
  if (windows_.size() == kMaxWindows) windows_.clear();
  return windows_.emplace(return_address, find_window(procedure, return_address)).first->second;
}

// Goes back from the call, over branches that were not taken and along a jump that is the only path to its target.
PointerCalls::Window PointerCalls::find_window(const Procedure& procedure, uintptr_t return_address) {
  if (procedure.end - procedure.start > kMaxProcedure) return {};
  std::vector<Placed> code;
  std::multimap<uintptr_t, size_t> jumps_to;
  std::optional<size_t> at;
  for (uintptr_t pc = procedure.start; pc < procedure.end;) {
    const std::optional<Instruction> instruction = decode_at(memory_, pc);
    if (!instruction) return {};
    pc += instruction->length;
    if (is_direct_jump(*instruction)) jumps_to.emplace(instruction->target, code.size());
    if (pc == return_address) at = code.size();
    code.push_back({pc, *instruction});
  }
  if (!at) return {};
  Window window;
  for (size_t index = *at; window.size() < kMaxWindow;) {
    window.push_back(code[index]);
    const auto [first, last] = jumps_to.equal_range(code[index].next - code[index].instruction.length);
    const bool is_fallen_into = index != 0 && goes_on(code[index - 1].instruction);
    const auto ways = std::distance(first, last) + (is_fallen_into ? 1 : 0);
    if (ways != 1) break;
    index = is_fallen_into ? index - 1 : first->second;
  }
  std::reverse(window.begin(), window.end());
  return window;
}

uintptr_t PointerCalls::followed_from(const Procedure& procedure, const RegisterSet& frame) {
  const Window& window = window_before(procedure, frame[kRip]);
  return window.empty() ? 0 : window.front().next - window.front().instruction.length;
}

KnownRegisters PointerCalls::at_call(const Procedure& procedure, const RegisterSet& frame,
                                     const KnownRegisters& at_start) {
  const Window& window = window_before(procedure, frame[kRip]);
  std::vector<std::optional<uintptr_t>> stack_pointers(window.size());
  std::optional<uintptr_t> stack_pointer;
  if (frame.knows(kRsp)) stack_pointer = frame[kRsp];
  for (size_t index = window.size(); index-- != 0;) {
    if (index + 1 != window.size()) stack_pointer = stack_pointer_before(window[index].instruction, stack_pointer);
    stack_pointers[index] = stack_pointer;
  }
  KnownRegisters values = at_start;
  for (size_t index = 0; index < window.size(); ++index) {
    // A register that is not written again before the call has the value that it has in the frame.
    for (const auto& [which, encoded] : kPreservedRegisters) {
      const int number = static_cast<int>(encoded);
      const bool is_final = std::none_of(window.begin() + static_cast<std::ptrdiff_t>(index), window.end(),
                                         [number](const Placed& placed) { return writes(placed.instruction, number); });
      if (is_final && frame.knows(which)) values[static_cast<size_t>(number)] = frame[which];
    }
    values[kStackPointer] = stack_pointers[index];
    if (index + 1 != window.size()) follow_but_stack(window[index].instruction, window[index].next, memory_, values);
  }
  return values;
}

std::optional<uintptr_t> PointerCalls::target(const Procedure& procedure, const RegisterSet& frame,
                                              const KnownRegisters& at_call) {
  const Window& window = window_before(procedure, frame[kRip]);
  if (window.empty() || window.back().instruction.operation != Operation::call_indirect) return std::nullopt;
  const Placed& call = window.back();
  return source_of(call.instruction, at_call, call.next, memory_);
}

std::optional<KnownRegisters> PointerCalls::follow(uintptr_t start, uintptr_t end, const KnownRegisters& at_start) {
  size_t steps_left = kMaxFollowed;
  return follow(start, end, at_start, steps_left);
}

std::optional<KnownRegisters> PointerCalls::follow(uintptr_t start, uintptr_t end, const KnownRegisters& at_start,
                                                   size_t& steps_left) {
  KnownRegisters values = at_start;
  for (uintptr_t pc = start; pc != end;) {
    const std::optional<Instruction> instruction = decode_at(memory_, pc);
    if (!instruction || steps_left == 0) return std::nullopt;
    --steps_left;
    const uintptr_t next = pc + instruction->length;
    const Operation operation = instruction->operation;
    std::optional<uintptr_t> then = next;
    if (operation == Operation::jump) {
      then = instruction->target;
    } else if (operation == Operation::jump_indirect) {
      then = source_of(*instruction, values, next, memory_);
    } else if (!goes_on(*instruction)) {
      return std::nullopt;
    }
    if (!then) return std::nullopt;
    if (operation == Operation::branch) {
      if (const auto found = follow(instruction->target, end, values, steps_left)) return found;
    }
    follow_but_stack(*instruction, next, memory_, values);
    pc = *then;
  }
  return values;
}

}  // namespace holdwatch
