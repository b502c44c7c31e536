// What a system call's arguments refer to, at the moment of the call: the thread's descriptors, memory and clocks. With
// an empty context, only the registers are described.
// Cold context only.
#pragma once

#include <functional>
#include <string>

#include "symbolizer/activity/fault_site.h"
#include "symbolizer/activity/thread_files.h"
#include "symbolizer/unwind/memory.h"

namespace holdwatch {

struct CallContext {
  ThreadFiles files;
  MemoryReader* memory = nullptr;  // null: unknown
  std::string wait_channel;  // /proc/TID/wchan, the function of the kernel that the thread sleeps in; empty: unknown
  std::function<FaultSite()> fault_site;  // for a thread that waits for a page; takes a while. Empty: unknown

  template <typename T>
  std::optional<T> read_value(uintptr_t address) const {
    return memory == nullptr ? std::nullopt : memory->read_value<T>(address);
  }
  size_t read(uintptr_t address, void* out, size_t size) const {
    return memory == nullptr ? 0 : memory->read(address, out, size);
  }
};

}  // namespace holdwatch
