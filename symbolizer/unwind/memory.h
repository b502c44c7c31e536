// Reads another address space, or our own, without ever faulting: the memory may be unmapped while we look.
// Cold context only. A reader is used by one thread at a time.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>

namespace holdwatch {

// Bytes at an address of the watched process.
class MemoryReader {
 public:
  virtual ~MemoryReader() = default;
  // Copies up to `size` bytes from `address`; returns how many could be read from the start on (0 if none).
  virtual size_t read(uintptr_t address, void* out, size_t size) = 0;

  // The same for bytes that do not change while a module stays mapped (code, unwind tables): may be served from a cache.
  virtual size_t read_constant(uintptr_t address, void* out, size_t size) { return read(address, out, size); }

  // Drops what read_constant keeps: to be called when modules have come or gone.
  virtual void forget() {}

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

}  // namespace holdwatch
