// A file mapped into memory, to be read at any offset: each access is checked against the file's size.
// Start context, and the launcher's helpers; no libc allocation.
#pragma once

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>

#include "shim/common/elf/memory_sources.h"
#include "shim/common/kernel/system_call.h"

namespace holdwatch {

class MappedFile {
 public:
  explicit MappedFile(const char* path) {
    const long file = system_call(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
    if (file < 0) return;
    const long size = system_call(SYS_lseek, file, 0, SEEK_END);
    const long memory =
        size <= 0 ? -1 : system_call(SYS_mmap, nullptr, size, PROT_READ, MAP_PRIVATE, static_cast<int>(file), 0);
    system_call(SYS_close, file);
    if (failed(memory)) return;
    start_ = reinterpret_cast<const char*>(memory);
    size_ = static_cast<size_t>(size);
  }
  ~MappedFile() {
    if (start_ != nullptr) system_call(SYS_munmap, const_cast<char*>(start_), size_);
  }
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  // Read as a source (headers.h).
  size_t read(uint64_t at, void* out, size_t size) const { return ByteSource{{start_, size_}}.read(at, out, size); }

  // `count` elements at an offset; null if the file ends before.
  template <typename Type>
  const Type* at(uint64_t offset, uint64_t count = 1) const {
    const bool fits = offset <= size_ && count <= (size_ - offset) / sizeof(Type) && offset % alignof(Type) == 0;
    return fits ? reinterpret_cast<const Type*>(start_ + offset) : nullptr;
  }

 private:
  const char* start_ = nullptr;
  size_t size_ = 0;
};

}  // namespace holdwatch
