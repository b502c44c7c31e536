// Looks at a process: finds the threads that wait for locks, reads who holds these, and makes sure that nothing has moved
// meanwhile.
// Cold context. Threads that run are looked at only if they hold a lock that is waited for.
#pragma once

#include "symbolizer/tools/inspect/observation.h"
#include "symbolizer/tools/inspect/target.h"

namespace holdwatch {

Observation observe(Target& target);

}  // namespace holdwatch
