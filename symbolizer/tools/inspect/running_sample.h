// Registers and stack of a thread while it runs, without stopping it: the kernel copies them when a timer goes off in the
// midst of it (perf_event_open(2)). The one file pair that knows perf events.
// Cold context. Costs the thread some microseconds of its own time, and nothing else: no system call of its is cut.
#pragma once

#include <cstdint>

#include "symbolizer/tools/inspect/target.h"

namespace holdwatch {

enum class Sampled : uint8_t {
  yes,
  not_running,  // it did not come to run the program's code in a fifth of a second
  not_allowed   // this kernel, or its settings, let us not ask
};

// Fills `out` with the thread out.snapshot.tid as it is in the program's own code; never in the kernel.
Sampled sample_running(Capture& out);

}  // namespace holdwatch
