// This process's address space as the kernel sees it: what is mapped around an address.
// Cold context; no allocation, no loader's lock. read_own_memory is declared in capture.h.
#pragma once

#include <cstdint>

namespace holdwatch {

// [start, end); empty if start == end.
struct MemoryRange {
  uintptr_t start = 0;
  uintptr_t end = 0;

  bool contains(uintptr_t address) const { return address >= start && address < end; }
};

enum class MappedAs : uint8_t {
  stack,  // readable, writable and private: what any stack is, and what can be read without a surprise
  code    // readable and executable
};

// The longest unbroken range of such memory around `address`; empty if it lies in none, or /proc cannot be read.
MemoryRange mapped_around(uintptr_t address, MappedAs what);

}  // namespace holdwatch
