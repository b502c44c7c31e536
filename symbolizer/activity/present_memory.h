// Reads another thread's memory, but only pages that are present: reading a page that a thread is waiting for
// (userfaultfd, a mapped file on a server that hangs) would block the reader for as long as that thread.
// Cold context only.
#pragma once

#include "symbolizer/activity/thread_files.h"
#include "symbolizer/unwind/memory.h"

namespace holdwatch {

struct PageState {
  bool is_present = false;
  bool is_write_protected = false;  // by userfaultfd
};

class PresentMemory final : public MemoryReader {
 public:
  // Both must outlive this object.
  PresentMemory(MemoryReader& memory, const ThreadFiles& files) : memory_(memory), files_(files) {}
  PresentMemory(const PresentMemory&) = delete;
  PresentMemory& operator=(const PresentMemory&) = delete;
  ~PresentMemory() override;

  size_t read(uintptr_t address, void* out, size_t size) override;

  // For the page that contains the address; none if the kernel does not show it.
  std::optional<PageState> page_state(uintptr_t address);

 private:
  MemoryReader& memory_;
  const ThreadFiles& files_;
  int pagemap_ = -1;  // open during this object's lifetime: microseconds
  bool opened_ = false;
  bool untold_ = false;  // the kernel was built without the file
};

}  // namespace holdwatch
