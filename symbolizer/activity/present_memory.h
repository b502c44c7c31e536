// Memory of which only the pages that are there are read: one that its thread has to be supplied with (userfaultfd, a
// mapped file of a server that hangs) would let the reader wait as long as the thread does.
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
  // Both must outlive it.
  PresentMemory(MemoryReader& memory, const ThreadFiles& files) : memory_(memory), files_(files) {}
  PresentMemory(const PresentMemory&) = delete;
  PresentMemory& operator=(const PresentMemory&) = delete;
  ~PresentMemory() override;

  size_t read(uintptr_t address, void* out, size_t size) override;

  // Of the page that the address lies in; none if the kernel does not tell.
  std::optional<PageState> page_state(uintptr_t address);

 private:
  MemoryReader& memory_;
  const ThreadFiles& files_;
  int pagemap_ = -1;  // open for as long as this lives: microseconds
  bool opened_ = false;
  bool untold_ = false;  // the kernel was built without the file
};

}  // namespace holdwatch
