// See lock_names.h. Cold context only.
#include "symbolizer/lock_names.h"

#include <algorithm>

#include "symbolizer/unwind/deduced_registers.h"
#include "symbolizer/waits/innermost_functions.h"

namespace holdwatch {
namespace {

constexpr size_t kMaxStacks = 64;    // whose registers are kept for one report
constexpr size_t kMaxSearched = 24;  // frames that are searched for the object of one lock
constexpr size_t kMaxSearches = 64;  // stacks that are searched in one report

}  // namespace

bool is_named(LockKind kind) {
  return kind == LockKind::mutex || kind == LockKind::rwlock;
}

LockNames::LockNames(const Modules& modules, MemoryReader& memory, Symbols& symbols)
    : modules_(modules),
      memory_(memory),
      symbols_(symbols),
      stack_(memory),
      code_(modules, stack_),
      stepper_(modules, code_, stack_) {}

void LockNames::add_stack(const RawStack& stack, const SystemCall& call, std::vector<RegisterSet> registers) {
  if (captured_.size() < kMaxStacks || captured_.contains(&stack)) captured_[&stack] = {std::move(registers), call};
}

std::string LockNames::name(const LockRef& lock, uint64_t episode, const std::vector<const RawStack*>& stacks) {
  if (lock.address == 0 || !is_named(lock.kind)) return "";
  const std::string key = std::to_string(episode) + ':' + std::to_string(lock.address);
  if (const std::string* known = known_.find(key)) return *known;
  std::string name = by_variable(lock, stacks);
  size_t frames_left = kMaxSearched;
  for (size_t i = 0; name.empty() && i < stacks.size() && frames_left > 0; ++i)
    name = by_frames(lock, *stacks[i], frames_left);
  return name.empty() ? name : known_.insert(key, name);
}

// The unit of one of the frames, which uses the lock, likely describes the variable.
std::string LockNames::by_variable(const LockRef& lock, const std::vector<const RawStack*>& stacks) {
  const Module* const module = modules_.find(lock.address);
  if (module == nullptr) return "";
  std::string name;
  size_t frames_left = kMaxSearched;
  for (const RawStack* stack : stacks) {
    for (uint32_t i = 0; i < stack->count && frames_left > 0; ++i) {
      const RawFrame& frame = stack->frames[i];
      if (modules_.find(inside(frame)) != module) continue;
      --frames_left;
      name = symbols_.lock_variable(lock, module, frame.pc, frame.pc_is_exact, module);
      if (name.empty() || name.find('+') == std::string::npos) return name;
    }
  }
  return name.empty() ? symbols_.variable(lock.address, module) : name;
}

std::string LockNames::by_frames(const LockRef& lock, const RawStack& stack, size_t& frames_left) {
  const auto captured = captured_.find(&stack);
  if (captured == captured_.end() || searches_ == kMaxSearches) return "";
  ++searches_;
  if (generation_ != modules_.generation()) {
    code_.forget();
    stepper_.forget();
    generation_ = modules_.generation();
  }
  stack_.begin({});
  const auto& [registers, call] = captured->second;
  const std::vector<DeducedFrame> deduced = deduce_registers(registers, call, modules_, code_, stepper_, stack_);
  const size_t count = std::min({size_t{stack.count}, registers.size(), deduced.size()});
  for (size_t i = 0; i < count && frames_left > 0; ++i) {
    const Module* const module = modules_.find(inside(stack.frames[i]));
    if (module == nullptr || is_runtime_library(module)) continue;
    --frames_left;
    if (std::string name = by_frame(lock, stack, i, deduced[i].likely); !name.empty()) return name;
  }
  return "";
}

// Whatever a register or the stack has by now: only an object that contains the lock counts.
std::string LockNames::by_frame(const LockRef& lock, const RawStack& stack, size_t index,
                                const RegisterSet& registers) {
  const RawFrame& frame = stack.frames[index];
  FrameValues values;
  values.register_value = [&](unsigned number) {
    const bool is_known = number < kRegisters && registers.knows(static_cast<Register>(number));
    return is_known ? std::optional<uint64_t>(registers[static_cast<Register>(number)]) : std::nullopt;
  };
  values.word = [&](uintptr_t address) { return memory_.read_value<uint64_t>(address); };
  values.cfa = frame.cfa;
  if (!is_still_there(stack, index)) return "";
  std::string name =
      symbols_.lock_in_frame(lock, frame.pc, frame.pc_is_exact, modules_.find(inside(frame)), std::move(values));
  return is_still_there(stack, index) ? name : "";
}

// By its return address, right below the canonical frame address (System V ABI, figure 3.3).
bool LockNames::is_still_there(const RawStack& stack, size_t index) {
  if (index + 1 >= stack.count) return true;
  return memory_.read_value<uintptr_t>(stack.frames[index].cfa - sizeof(uintptr_t)) == stack.frames[index + 1].pc;
}

}  // namespace holdwatch
