// The shim's voice: one line to standard error, in one write.
// Cold and start contexts. Never allocates, never touches stdio, and never waits long for whoever reads the other end.
#pragma once

#include <string_view>

#include "shim/base/plain.h"

namespace holdwatch {

// Remembers which file descriptor 2 is. Call once, in the constructor, before the program's first instruction.
void say_start();

// What say_start found.
FileFacts standard_error_at_start();

// Writes "holdwatch[PID]: text\n" to descriptor 2. Control characters in `text` (a thread's name may hold any byte)
// become '?', so that one call is one line; a text too long for one write ends in "...". Returns false if nothing, or
// not all, was written: descriptor 2 is closed, is not the file any more that it was at start, or takes no more bytes.
// Leaves errno, signals and cancellation as they were.
bool say(std::string_view text);

}  // namespace holdwatch
