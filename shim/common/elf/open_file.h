// Sources as described in headers.h, for files: one that is already open, and one that is opened for reading. Files are
// not mapped: reading a file that is truncated meanwhile would raise SIGBUS.
// Any context; calls no functions of libc, because the program may have replaced them.
#pragma once

#include <fcntl.h>
#include <sys/syscall.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>

#include "shim/common/kernel/system_call.h"

namespace holdwatch {

struct DescriptorSource {
  int number;

  size_t read(uint64_t at, void* out, size_t size) const {
    size_t done = 0;
    while (done < size && at <= static_cast<uint64_t>(INT64_MAX) - size) {
      const long got = system_call(SYS_pread64, number, static_cast<char*>(out) + done, size - done, at + done);
      if (got == -EINTR) continue;
      if (got <= 0) break;
      done += static_cast<size_t>(got);
    }
    return done;
  }
};

class OpenFile {
 public:
  // O_NONBLOCK: opening a FIFO must not wait for its writer.
  explicit OpenFile(const char* path)
      : descriptor_(
            static_cast<int>(system_call(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK))) {}
  ~OpenFile() {
    if (is_open()) system_call(SYS_close, descriptor_);
  }
  OpenFile(const OpenFile&) = delete;
  OpenFile& operator=(const OpenFile&) = delete;

  bool is_open() const { return descriptor_ >= 0; }
  int descriptor() const { return descriptor_; }
  size_t read(uint64_t at, void* out, size_t size) const { return DescriptorSource{descriptor_}.read(at, out, size); }

 private:
  int descriptor_;
};

}  // namespace holdwatch
