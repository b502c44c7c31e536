// Memory of a process by its id, also of our own: through process_vm_readv if no system call filter is in force,
// otherwise through /proc/PID/mem: filters often do not allow process_vm_readv (systemd's @system-service does not) and
// may end the process for it.
// Cold context only; one thread at a time. Opens /proc/PID/mem for each read that needs it: the program could close a
// descriptor that is kept, and its number could then refer to another file.
#pragma once

#include <sys/types.h>

#include <array>
#include <memory>
#include <vector>

#include "symbolizer/unwind/memory.h"

namespace holdwatch {

class ProcessMemory final : public MemoryReader {
 public:
  explicit ProcessMemory(pid_t pid) : pid_(pid) {}

  size_t read(uintptr_t address, void* out, size_t size) override;
  size_t read_constant(uintptr_t address, void* out, size_t size) override;
  void forget() override;

 private:
  static constexpr size_t kPageSize = 4096;
  static constexpr size_t kCachedPages = 128;  // at most half a MiB in the watched process

  struct Page {
    uintptr_t address = 0;
    std::array<unsigned char, kPageSize> bytes;
  };

  const Page* cached_page(uintptr_t page_address);
  size_t read_through_proc(uintptr_t address, void* out, size_t size) const;

  pid_t pid_;
  enum class Method { unknown, system_call, proc } method_ = Method::unknown;
  std::vector<std::unique_ptr<Page>> cache_;  // by page number modulo kCachedPages; empty until first used
};

}  // namespace holdwatch
