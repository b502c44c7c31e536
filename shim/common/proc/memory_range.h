// Places in an address space, as maps files describe them (proc(5)).
// Any context. Plain values.
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
  stack,  // readable, writable and private: as any stack is, and safe to read
  code    // readable and executable
};

// Which page of which file: identifies memory that processes share, anonymous or not, in all of them.
struct FilePage {
  uint64_t device;
  uint64_t inode;
  uint64_t offset;
};

// A page of memory that processes share. `is_anonymous`: it has no file that another process could map, and is passed on by fork
// alone.
struct SharedPage {
  FilePage page;
  bool is_anonymous;
};

}  // namespace holdwatch
