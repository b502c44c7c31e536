// Memory for the stacks of one report: allocated one after the other, freed all at once.
// Cold context (reporter). Reserved once; pages cost memory only while a report needs them.
#pragma once

#include <cstddef>

#include "shim/base/os.h"
#include "shim/common/contract/finding.h"
#include "shim/own_threads/seccomp_state.h"

namespace holdwatch {

class StackArena {
 public:
  bool start() {
    if (memory_ == nullptr) memory_ = static_cast<unsigned char*>(reserve_memory(kSize));
    return memory_ != nullptr;
  }

  // An empty stack of full capacity, or null if the arena is full. Only the newest stack may still grow.
  RawStack* take() {
    if (memory_ == nullptr || used_ + sizeof(RawStack) > kSize) return nullptr;
    auto* stack = reinterpret_cast<RawStack*>(memory_ + used_);
    stack->count = 0;
    stack->complete = false;
    stack->note[0] = '\0';
    return stack;
  }

  // Shrinks the newest stack to the frames it has. Readers use frames below `count` only.
  void keep(const RawStack& stack) {
    const size_t size = offsetof(RawStack, frames) + stack.count * sizeof(RawFrame);
    used_ += (size + alignof(RawStack) - 1) & ~(alignof(RawStack) - 1);
  }

  void clear() {
    if (used_ > 0 && !calls_filtered())
      release_pages(memory_, used_ + sizeof(RawStack) < kSize ? used_ + sizeof(RawStack) : kSize);
    used_ = 0;
  }

 private:
  static constexpr size_t kSize = size_t{64} << 20;
  unsigned char* memory_ = nullptr;
  size_t used_ = 0;
};

}  // namespace holdwatch
