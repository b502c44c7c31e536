// Memory that processes share, by what /proc/PID/maps says of it: the same byte of the same file has another address in each.
// Cold context only.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "shim/common/proc/memory_range.h"
#include "shim/common/proc/shared_owner.h"

namespace holdwatch {

class SharedMemory {
 public:
  // Of a process as it is now; its mappings may be unreadable.
  explicit SharedMemory(int pid);

  bool is_readable() const { return is_readable_; }
  // Which byte of which file is there; nothing if the memory is the process's own.
  std::optional<FilePage> byte_at(uintptr_t address) const;
  // Where that byte is; 0: nowhere.
  uintptr_t address_of(const FilePage& byte) const;
  MapsLock maps(const FilePage& byte) const;

 private:
  bool is_readable_ = false;
  std::string text_;
};

}  // namespace holdwatch
