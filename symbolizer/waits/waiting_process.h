// What has to be known of a process to understand what its threads wait for.
#pragma once

#include <functional>
#include <string>

#include "symbolizer/unwind/memory.h"
#include "symbolizer/unwind/modules.h"

namespace holdwatch {

struct WaitingProcess {
  const Modules& modules;
  MemoryReader& memory;
  // By the ids that libc's objects contain.
  std::function<bool(int tid)> is_thread;
  std::function<std::string(int pid, int tid)> thread_name;  // pid 0: this process
};

}  // namespace holdwatch
