// See code_ahead.h.
#include "symbolizer/waits/code_ahead.h"

#include <algorithm>
#include <map>
#include <string>
#include <string_view>

#include "symbolizer/unwind/function_code.h"
#include "symbolizer/unwind/known_registers.h"
#include "symbolizer/waits/innermost_functions.h"

namespace holdwatch {
namespace {

constexpr uint32_t kFrames = 12;
constexpr int kDepth = 3;
constexpr size_t kMaxFunctions = 64;

// With the object as their first argument. Linkage stubs have these names and "@plt", not demangled.
constexpr std::string_view kEndCalls[] = {"pthread_cond_signal",
                                          "pthread_cond_broadcast",
                                          "cnd_signal",
                                          "cnd_broadcast",
                                          "sem_post",
                                          "_ZNSt18condition_variable10notify_oneEv",
                                          "_ZNSt18condition_variable10notify_allEv",
                                          "std::condition_variable::notify_one()",
                                          "std::condition_variable::notify_all()"};

bool is_end_call_name(std::string_view name) {
  return std::any_of(std::begin(kEndCalls), std::end(kEndCalls), [name](std::string_view call) {
    return name.starts_with(call) && (name.size() == call.size() || name[call.size()] == '@');
  });
}

}  // namespace

bool CodeAhead::ends_wait_for(uintptr_t object, const RawStack& stack) {
  object_ = object;
  scanned_.clear();
  for (uint32_t i = 0; i < std::min(stack.count, kFrames); ++i)
    if (!stack.frames[i].pc_is_exact && scan(stack.frames[i].pc, true, 0)) return true;
  return false;
}

bool CodeAhead::is_end_call(uintptr_t target, uint64_t argument) const {
  if (argument != object_) return false;
  const std::vector<Frame> frames = resolve_(target, true);
  return !frames.empty() && is_end_call_name(frames.back().function);
}

// What is in the function's code from `from` on, which is inside it or its entry.
bool CodeAhead::scan(uintptr_t from, bool is_return_address, int depth) {
  const Module* const module = modules_.find(from);
  if (module == nullptr || is_runtime_library(module) || scanned_.size() == kMaxFunctions) return false;
  FunctionCode code(modules_, memory_);
  if (!scanned_.insert(from).second || !code.add_procedure(is_return_address ? from - 1 : from)) return false;
  const std::map<uintptr_t, Instruction> in_order(code.instructions().begin(), code.instructions().end());
  KnownRegisters registers{};
  for (auto at = in_order.lower_bound(from); at != in_order.end(); ++at) {
    const auto& [pc, instruction] = *at;
    if (code.begins_block(pc)) registers.fill(std::nullopt);
    const bool leads_away = instruction.operation == Operation::call ||
                            (is_direct_jump(instruction) && !code.is_inside(instruction.target));
    const auto argument = registers[static_cast<size_t>(EncodedRegister::rdi)];
    if (leads_away && argument && is_end_call(instruction.target, *argument)) return true;
    if (leads_away && depth < kDepth && module->contains(instruction.target) &&
        scan(instruction.target, false, depth + 1))
      return true;
    follow_instruction(instruction, pc + instruction.length, memory_, registers);
  }
  return false;
}

}  // namespace holdwatch
