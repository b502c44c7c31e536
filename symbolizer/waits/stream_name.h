// What a stream is called in reports, from the address of its lock: "stdout, the stream of descriptor 1".
// Cold context. Reads memory without faulting; a stream that has been closed has no name.
#pragma once

#include <cstdint>
#include <string>

#include "symbolizer/unwind/memory.h"
#include "symbolizer/unwind/modules.h"

namespace holdwatch {

// Empty if the lock belongs to no stream that can be found: one whose memory the program has laid out itself.
std::string stream_name(uintptr_t lock, const Modules& modules, MemoryReader& memory);

}  // namespace holdwatch
