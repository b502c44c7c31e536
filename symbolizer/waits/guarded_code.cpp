// See guarded_code.h.
#include "symbolizer/waits/guarded_code.h"

#include <optional>

namespace holdwatch {
namespace {

constexpr size_t kMaxSteps = 60000;  // instructions followed for one return address

}  // namespace

// Blocks that no jump was seen to lead to, such as landing pads, begin without the guard.
bool GuardedCode::contains_call(uintptr_t return_address) {
  code_.clear();
  states_.clear();
  is_inside_ = false;
  return_address_ = return_address;
  steps_left_ = kMaxSteps;
  if (!code_.add_procedure(return_address - 1)) return false;
  reach(code_.parts().front().start, {});
  run();
  for (const uintptr_t start : code_.block_starts()) {
    if (states_.contains(start)) continue;
    reach(start, {});
    run();
  }
  return is_inside_ && steps_left_ > 0;
}

// The more ways lead to a block, the less is known there: so each is followed a few times at most.
void GuardedCode::reach(uintptr_t pc, const State& state) {
  if (!code_.is_inside(pc)) return;
  const auto [known, is_new] = states_.try_emplace(pc, state);
  bool has_changed = is_new;
  State& before = known->second;
  for (size_t number = 0; number < before.registers.size(); ++number) {
    if (!before.registers[number] || before.registers[number] == state.registers[number]) continue;
    before.registers[number].reset();
    has_changed = true;
  }
  if (before.has_guard && !state.has_guard) {
    before.has_guard = false;
    has_changed = true;
  }
  if (has_changed) pending_.push_back(pc);
}

void GuardedCode::run() {
  while (!pending_.empty()) {
    const uintptr_t start = pending_.back();
    pending_.pop_back();
    run_block(start);
  }
}

void GuardedCode::run_block(uintptr_t start) {
  State state = states_[start];
  for (uintptr_t pc = start; code_.is_inside(pc) && steps_left_ > 0; --steps_left_) {
    if (pc != start && code_.begins_block(pc)) return reach(pc, state);
    const Instruction* const instruction = code_.instruction_at(pc);
    if (instruction == nullptr) return;
    const uintptr_t next = pc + instruction->length;
    if (is_direct_jump(*instruction)) reach(instruction->target, state);
    if (ends_block(*instruction)) return;
    if (is_call(*instruction)) pass_call(next, *instruction, state);
    follow_instruction(*instruction, next, memory_, state.registers);
    pc = next;
  }
}

void GuardedCode::pass_call(uintptr_t next, const Instruction& call, State& state) {
  bool acquires = false;
  if (state.registers[static_cast<size_t>(EncodedRegister::rdi)] == std::optional<uint64_t>(guard_)) {
    const bool is_direct = call.operation == Operation::call;
    const uintptr_t target =
        is_direct ? call.target : source_of(call, state.registers, next, memory_).value_or(uintptr_t{0});
    const std::vector<Frame> called = resolve_(target, true);
    acquires = is_named(called, "cxa_guard_acquire");
    if (acquires) state.has_guard = true;
    if (is_named(called, "cxa_guard_release") || is_named(called, "cxa_guard_abort")) state.has_guard = false;
  }
  if (next == return_address_) is_inside_ = state.has_guard && !acquires;
}

}  // namespace holdwatch
