// What the end of the process and the writing of a report have to do with each other: the kernel ends a write() to a file after any
// page once the process exits, which would leave half a line.
// Cold context.
#pragma once

#include <cstdint>

namespace holdwatch {

// Around what is written of one report. The first waits for a moment if the process is exiting: mostly it has ended by then, and
// the report is lost as a whole, rather than a part of it.
void begin_writing();
void end_writing();

// By the thread that exits: waits for what is being written, not longer than `until_ns` (CLOCK_MONOTONIC).
void await_written_at_exit(uint64_t until_ns);

// After fork, in the child, or before the reporter starts again: nothing is being written.
void writing_reset();

}  // namespace holdwatch
