// One line to standard error, in one write.
// Cold and start contexts. Never allocates, never uses stdio, and never waits long for the reader of a pipe or
// terminal.
#pragma once

#include <string_view>

#include "shim/common/contract/finding.h"

namespace holdwatch {

// Remembers which file descriptor 2 refers to. Call once, in the constructor, before the program's first instruction.
void standard_error_start();

// In the child after fork: notes its process id, because a filter may forbid getpid later.
void standard_error_after_fork(int pid);

// The file that standard_error_start found.
FileFacts standard_error_at_start();

// Writes "holdwatch[PID]: text\n" to descriptor 2. What is not printable in `text` (a path may contain any byte) is escaped
// (common/text/escaped_text.h), so that one call is one line; a text too long for one write ends in "...". Returns false if not
// everything was written: descriptor 2 is closed, refers to another file than at start, or accepts no more bytes.
// Leaves errno, signals and cancellation as they were. Under a system call filter it is a single write, made only in
// our own threads, which may wait for the reader; the program's threads print nothing then.
bool print_message(std::string_view text);

}  // namespace holdwatch
