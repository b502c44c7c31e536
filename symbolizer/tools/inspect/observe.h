// Inspects a process: finds the threads that wait for locks, reads who holds these, and verifies that nothing has
// changed meanwhile.
// Cold context. Running threads are inspected only if they hold a lock that is waited for.
#pragma once

#include "symbolizer/tools/inspect/observation.h"
#include "symbolizer/tools/inspect/target.h"

namespace holdwatch {

Observation observe(InspectTarget& target);

}  // namespace holdwatch
