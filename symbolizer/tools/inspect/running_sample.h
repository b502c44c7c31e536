// Registers and stack of a thread while it runs, without stopping it: the kernel copies them when a timer fires during
// its execution (perf_event_open(2)). The only pair of files that uses perf events.
// Cold context. Costs the thread some microseconds of its own time, and nothing else: none of its system calls is
// interrupted.
#pragma once

#include <cstdint>

#include "symbolizer/tools/inspect/target.h"

namespace holdwatch {

enum class Sampled : uint8_t {
  yes,
  not_running,  // it did not run the program's code within a fifth of a second
  not_allowed   // this kernel, or its settings, do not allow it
};

// Captures the thread out.snapshot.tid into `out` while it runs the program's own code; never in the kernel.
Sampled sample_running(Capture& out);

}  // namespace holdwatch
