// See initializer_search.h.
#include "symbolizer/waits/initializer_search.h"

#include <algorithm>
#include <string_view>
#include <vector>

#include "symbolizer/waits/asleep_on.h"
#include "symbolizer/waits/blocking_function.h"
#include "symbolizer/waits/exported_entry.h"
#include "symbolizer/waits/glibc_version.h"

namespace holdwatch {
namespace {

constexpr size_t kMaxFrame = 4096;     // bytes of pthread_once's own part of a stack
constexpr size_t kMaxAddresses = 512;  // whose functions are read

}  // namespace

void InitializerSearch::add(const Snapshot& thread, const RawStack& stack) {
  const bool waits = is_asleep_on(thread, wait_.object);
  if (!(wait_.kind == WaitKind::once ? is_inside_once(stack, waits) : is_inside_static(stack))) return;
  is_ambiguous_ |= found_ != 0;
  found_ = thread.tid;
}

// A frame's own part of the stack lies between the canonical frame addresses of the frame below it and its own.
bool InitializerSearch::is_inside_once(const RawStack& stack, bool waits) const {
  for (uint32_t i = 1; i < stack.count; ++i) {
    const RawFrame& frame = stack.frames[i];
    const Module* const module = modules_.find(inside(frame));
    const uintptr_t begin = stack.frames[i - 1].cfa;
    if (module == nullptr || !is_glibc(*module) || frame.cfa <= begin || frame.cfa - begin > kMaxFrame) continue;
    std::vector<uintptr_t> words((frame.cfa - begin) / sizeof(uintptr_t));
    words.resize(memory_.read(begin, words.data(), words.size() * sizeof(uintptr_t)) / sizeof(uintptr_t));
    if (std::find(words.begin(), words.end(), wait_.object) == words.end()) continue;
    if ((!waits || has_called_program(stack, i)) && is_of_once(stack, i, *module)) return true;
  }
  return false;
}

// A thread that waits is inside of pthread_once too; but what that has called is libc's own. An initializer that ends in a jump to
// pthread_once has no frame: then the same function of libc's has been entered twice, and it calls itself by no other way.
bool InitializerSearch::has_called_program(const RawStack& stack, uint32_t index) const {
  const RawFrame &called = stack.frames[index - 1], &caller = stack.frames[index];
  const Module* const module = modules_.find(inside(called));
  if (module == nullptr || !is_glibc(*module)) return true;
  const std::vector<Frame> callee = resolve_(called.pc, called.pc_is_exact),
                           own = resolve_(caller.pc, caller.pc_is_exact);
  return is_named(own, "pthread_once") && !callee.empty() && callee.back().function == own.back().function;
}

// The internal function that keeps the address may have no name. pthread_once has called it, or has jumped to it.
bool InitializerSearch::is_of_once(const RawStack& stack, uint32_t index, const Module& libc) const {
  constexpr std::string_view kName = "pthread_once";
  const RawFrame& frame = stack.frames[index];
  if (is_named(resolve_(frame.pc, frame.pc_is_exact), kName)) return true;
  if (blocking_function({exported_entry_of(frame, libc, memory_, code_)}) == BlockingFunction::once) return true;
  return index + 1 < stack.count && is_named(resolve_(stack.frames[index + 1].pc, false), kName);
}

bool InitializerSearch::is_inside_static(const RawStack& stack) {
  return std::any_of(stack.frames, stack.frames + stack.count, [this](const RawFrame& frame) {
    return !frame.pc_is_exact && !is_runtime_library(modules_.find(frame.pc - 1)) && is_between_guard_calls(frame.pc);
  });
}

bool InitializerSearch::is_between_guard_calls(uintptr_t return_address) {
  const auto known = known_.find(return_address);
  if (known != known_.end()) return known->second;
  return known_.size() < kMaxAddresses && (known_[return_address] = guarded_.contains_call(return_address));
}

}  // namespace holdwatch
