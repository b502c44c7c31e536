// Which file an address of this process belongs to, its offset there and the file's build id: from the calling thread's
// /proc/thread-self/maps and the ELF headers in memory.
// Cold context. No allocation, no dl_iterate_phdr (it takes the loader's lock).
#pragma once

#include <cstdint>

#include "shim/common/text/text_buffer.h"

namespace holdwatch {

// Appends "libfoo.so+0x1234 (build id 0123abcd...)", or the bare address if it belongs to no file.
void append_module_of(uintptr_t address, TextBuffer& out);

// The same for an address of some time ago: the bare address if another file may have come to its place.
void append_module_then(uintptr_t address, uint64_t since_ns, TextBuffer& out);

}  // namespace holdwatch
