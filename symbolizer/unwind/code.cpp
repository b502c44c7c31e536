// Recognises calls by their bytes (Intel SDM, volume 2), and follows the functions that they call. See code.h.
// Cold context only.
#include "symbolizer/unwind/code.h"

#include <algorithm>
#include <array>
#include <set>

namespace holdwatch {

namespace {

constexpr size_t kMaxCallLength = 7;  // ff /2 with SIB and disp32, without prefixes
constexpr size_t kDirectCall = 5;     // e8 and a distance
constexpr size_t kSlotCall = 6;       // ff 15 and a distance: through a pointer at a fixed address
constexpr size_t kMaxFunctions = 64;  // examined for one call, each of which ends in a jump to the next
constexpr size_t kMaxEndings = 1024;  // cached

uintptr_t after(uintptr_t address, const unsigned char* distance) {
  int32_t value;
  std::memcpy(&value, distance, sizeof value);
  return address + static_cast<uintptr_t>(intptr_t{value});
}

}  // namespace

bool Code::is_code(uintptr_t address) const {
  const Mapping* mapping = modules_.mapping(address);
  return mapping != nullptr && mapping->executable;
}

std::optional<Procedure> Code::procedure(uintptr_t pc) const {
  const Module* module = modules_.find(pc);
  return module == nullptr ? std::nullopt : find_procedure(*module, memory_, pc);
}

uintptr_t Code::personality(uintptr_t pc) const {
  const Module* module = modules_.find(pc);
  return module == nullptr ? 0 : find_personality(*module, memory_, pc);
}

bool Code::follows_call(uintptr_t return_address) const {
  if (!is_code(return_address - 1)) return false;
  std::array<unsigned char, kMaxCallLength> before{};
  // There may be fewer bytes before an address at the beginning of a mapping.
  size_t size = before.size();
  while (size >= 2 &&
         memory_.read_constant(return_address - size, before.data() + before.size() - size, size) != size) {
    --size;
  }
  const unsigned char* end = before.data() + before.size();
  if (size >= kDirectCall && end[-5] == 0xe8) return true;
  for (size_t length = 2; length <= size && length <= kMaxCallLength; ++length) {
    const unsigned char* call = end - length;
    if (call[0] != 0xff) continue;
    const std::optional<Instruction> instruction = decode(call, length, return_address - length);
    if (instruction && instruction->length == length && instruction->operation == Operation::call_indirect) return true;
  }
  return false;
}

// The function that a direct call calls. An 0xe8 that is part of a longer call through a pointer leads to code only by
// a rare coincidence.
std::optional<uintptr_t> Code::direct_target(uintptr_t return_address) const {
  std::array<unsigned char, kDirectCall> call{};
  if (memory_.read_constant(return_address - call.size(), call.data(), call.size()) != call.size()) return std::nullopt;
  if (call[0] != 0xe8) return std::nullopt;
  const uintptr_t target = after(return_address, call.data() + 1);
  return is_code(target) ? std::optional(target) : std::nullopt;
}

// The address of the pointer that a call calls through, if the call contains it (-fno-plt, global function pointers).
std::optional<uintptr_t> Code::slot_of_call(uintptr_t return_address) const {
  std::array<unsigned char, kSlotCall> call{};
  if (memory_.read_constant(return_address - call.size(), call.data(), call.size()) != call.size()) return std::nullopt;
  if (call[0] != 0xff || call[1] != 0x15) return std::nullopt;
  return after(return_address, call.data() + 2);
}

CallMatch Code::match_call(uintptr_t return_address, uintptr_t callee_pc, bool callee_pc_is_exact) {
  if (!follows_call(return_address)) return CallMatch::contradicted;
  if (const auto target = direct_target(return_address)) return match_target(*target, callee_pc, callee_pc_is_exact);
  const auto slot = slot_of_call(return_address);
  const auto target = slot ? memory_.read_value<uintptr_t>(*slot) : std::nullopt;
  if (!target || !is_code(*target)) return CallMatch::possible;
  const CallMatch match = match_target(*target, callee_pc, callee_pc_is_exact);
  // A writable pointer may have had another value at the call.
  const Mapping* mapping = modules_.mapping(*slot);
  const bool may_have_changed = mapping == nullptr || mapping->writable;
  return may_have_changed && match != CallMatch::proven ? CallMatch::possible : match;
}

std::optional<uintptr_t> Code::callee_entry(uintptr_t return_address) {
  std::optional<uintptr_t> target = direct_target(return_address);
  if (!target) {
    const auto slot = slot_of_call(return_address);
    return slot ? memory_.read_value<uintptr_t>(*slot) : std::nullopt;
  }
  constexpr size_t kLongestStub = 3;  // instructions
  uintptr_t pc = *target;
  for (size_t count = 0; count < kLongestStub; ++count) {
    const Instruction* instruction = flow_.instruction_at(pc);
    if (instruction == nullptr) return std::nullopt;
    const auto& operand = instruction->memory;
    pc += instruction->length;
    if (instruction->operation == Operation::jump_indirect && operand && operand->is_relative && operand->is_computable)
      return memory_.read_value<uintptr_t>(pc + static_cast<uintptr_t>(operand->displacement));
    const bool does_nothing = instruction->operation == Operation::nop ||
                              (instruction->operation == Operation::other && instruction->clobbers == 0);  // endbr64
    if (!does_nothing) break;
  }
  return target;
}

// Follows the functions from `target` on, each of which may end in a jump to the next (sibling calls, linkage stubs,
// parts placed elsewhere), up to the one that contains `callee_pc`.
CallMatch Code::match_target(uintptr_t target, uintptr_t callee_pc, bool callee_pc_is_exact) {
  std::vector<uintptr_t> functions = {target};
  std::set<uintptr_t> seen = {target};
  CallMatch otherwise = CallMatch::contradicted;
  for (size_t next = 0; next < functions.size(); ++next) {
    if (next == kMaxFunctions || !is_code(functions[next])) {
      otherwise = std::min(otherwise, CallMatch::doubtful);
      continue;
    }
    if (is_in_function(functions[next], callee_pc, callee_pc_is_exact)) return CallMatch::proven;
    const Endings& ends = endings(functions[next]);
    if (ends.has_unknown_exit) otherwise = CallMatch::possible;
    if (!ends.is_complete) otherwise = std::min(otherwise, CallMatch::doubtful);
    for (const uintptr_t exit : ends.exits) {
      if (seen.insert(exit).second) functions.push_back(exit);
    }
  }
  return otherwise;
}

bool Code::is_in_function(uintptr_t entry, uintptr_t pc, bool pc_is_exact) {
  const uintptr_t inside = pc_is_exact ? pc : pc - 1;
  const std::optional<Procedure> callee = procedure(inside);
  if (callee && callee->contains(entry)) return true;
  const std::vector<Procedure>& parts = endings(entry).parts;
  if (callee || !parts.empty()) {
    return std::any_of(parts.begin(), parts.end(), [inside](const Procedure& part) { return part.contains(inside); });
  }
  flow_.watch(pc, !pc_is_exact);
  flow_.follow_function(entry);
  return flow_.watched().has_value();
}

const Code::Endings& Code::endings(uintptr_t entry) {
  const auto known = endings_.find(entry);
  if (known != endings_.end()) return known->second;
  if (endings_.size() == kMaxEndings) endings_.clear();
  flow_.watch(0, false);
  flow_.follow_function(entry);
  Endings found{
      flow_.parts(), {flow_.exits().begin(), flow_.exits().end()}, flow_.has_unknown_exit(), flow_.is_complete()};
  return endings_.emplace(entry, std::move(found)).first->second;
}

}  // namespace holdwatch
