// Finds the watch in a process, for a command that asks it for something.
#pragma once

#include "symbolizer/tools/attach/target.h"
#include "symbolizer/tools/attach/watched.h"

namespace holdwatch::attach {

// Throws a Refusal with the remedy if the process is not watched, or cannot handle the request now: another attach is in
// progress, it is stopped, or has no watcher.
Watched find_watched(AttachTarget& target, ControlRequest request);

}  // namespace holdwatch::attach
