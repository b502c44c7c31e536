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

// Which page of which file: for memory that processes share, anonymous or not, the same in all of them.
struct FilePage {
  uint64_t device;
  uint64_t inode;
  uint64_t offset;
};

// The page at `address`, if it is mapped to be shared. False if not, or /proc cannot be read.
bool shared_page_at(uintptr_t address, FilePage* out);
// Whether that process maps it too; false also where the kernel does not let us look.
bool maps_page(int pid, const FilePage& page);

// The longest unbroken range of such memory around `address`; empty if it lies in none, or /proc cannot be read.
MemoryRange mapped_around(uintptr_t address, MappedAs what);

}  // namespace holdwatch
