// Sources as described in headers.h, for bytes in our own memory.
// Any context.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace holdwatch {

// By address: for modules of this process that cannot be unloaded meanwhile. The memory must exist.
struct LoadedMemory {
  static size_t read(uintptr_t address, void* out, size_t size) {
    memcpy(out, reinterpret_cast<const void*>(address), size);
    return size;
  }
};

// By offset: for a file's contents or a part of them.
struct ByteSource {
  std::string_view all;

  size_t read(uint64_t at, void* out, size_t size) const {
    if (at >= all.size()) return 0;
    const size_t part = size < all.size() - at ? size : static_cast<size_t>(all.size() - at);
    memcpy(out, all.data() + at, part);
    return part;
  }
};

}  // namespace holdwatch
