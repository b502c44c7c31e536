// Reads another address space, or our own, without ever faulting: the memory may be unmapped during the read.
// Cold context only. One thread at a time uses a reader.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>

namespace holdwatch {

// Bytes at an address of the watched process.
class MemoryReader {
 public:
  virtual ~MemoryReader() = default;
  // Copies up to `size` bytes from `address`; returns how many of them could be read, from the first on (0 if none).
  virtual size_t read(uintptr_t address, void* out, size_t size) = 0;

  // The same for bytes that do not change while a module stays mapped (code, unwind tables): may come from a cache.
  virtual size_t read_constant(uintptr_t address, void* out, size_t size) { return read(address, out, size); }

  // Drops what read_constant has cached: must be called when modules were loaded or unloaded.
  virtual void forget() {}

  // The string up to its terminating zero, or as far as it can be read; cut if it is longer than any path.
  std::string read_string(uintptr_t address) {
    constexpr size_t kLongest = 4096;
    std::string text;
    char part[64];
    while (text.size() < kLongest) {
      const size_t got = read(address + text.size(), part, sizeof part);
      const size_t length = strnlen(part, got);
      text.append(part, length);
      if (length < sizeof part) break;
    }
    return text;
  }

  template <typename T>
  std::optional<T> read_value(uintptr_t address) {
    T value;
    if (read(address, &value, sizeof value) != sizeof value) return std::nullopt;
    return value;
  }

  template <typename T>
  std::optional<T> read_constant_value(uintptr_t address) {
    T value;
    if (read_constant(address, &value, sizeof value) != sizeof value) return std::nullopt;
    return value;
  }
};

// The same memory, always read as constant: a source (shim/common/elf/headers.h) for the contents of a module's file.
struct ConstantMemory {
  MemoryReader& memory;

  size_t read(uintptr_t address, void* out, size_t size) const { return memory.read_constant(address, out, size); }
};

}  // namespace holdwatch
