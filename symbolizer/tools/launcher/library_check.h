// Whether the loader can preload our library: one answer for `run`, `systemd enable` and `doctor`.
// Needs libc alone, because `holdwatch run` asks each time.
#pragma once

#include "shim/common/text/text_buffer.h"

namespace holdwatch {

// What keeps the loader from preloading the library at this path, and what to do about it; nothing is written if it can. A
// file that was cut short must not reach the loader, which would map it: the program would die of SIGBUS.
void write_library_obstacle(const char* library, TextBuffer& out);

}  // namespace holdwatch
