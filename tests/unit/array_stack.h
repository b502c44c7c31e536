// A thread's stack that is an array, which the test fills.
#pragma once

#include <cstdint>
#include <vector>

namespace holdwatch {

struct ArrayStack {
  explicit ArrayStack(size_t size) : words(size) {}

  uintptr_t at(size_t position) const { return reinterpret_cast<uintptr_t>(words.data() + position); }
  uintptr_t end() const { return at(words.size()); }
  // A frame whose saved rbp and return address stand at `position`, which is even: a multiple of 16 bytes.
  void put_frame(size_t position, uintptr_t saved_bp, uintptr_t return_address) {
    words[position] = saved_bp;
    words[position + 1] = return_address;
  }

  std::vector<uintptr_t> words;
};

}  // namespace holdwatch
