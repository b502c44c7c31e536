// The position of a thread that waits for a page: its innermost frames, and what is mapped where.
// Plain values, filled in by the code that uses the unwinder.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace holdwatch {

// One frame of a stack, innermost first, with the function that it belongs to.
struct CodeFrame {
  uintptr_t pc = 0;
  bool pc_is_exact = false;  // false: a return address
  uintptr_t cfa = 0;
  uintptr_t start = 0;  // of the function
  uintptr_t end = 0;
};

// What is mapped at an address.
struct FileMapping {
  bool is_mapped = false;
  std::string path;  // as in /proc/PID/maps: empty for anonymous memory, "[heap]"
};

struct FaultSite {
  std::vector<CodeFrame> frames;
  std::function<FileMapping(uintptr_t)> mapped_at;
};

}  // namespace holdwatch
