// Handles the request of `holdwatch top`: lists who holds and who waits for which lock. Nothing is reported or begun.
// Cold context (watcher). Reads records and the locks' own fields; disturbs no thread.
#pragma once

#include <cstdint>

#include "shim/common/contract/lock_list.h"
#include "shim/watch/episode_context.h"

namespace holdwatch {

// The locks that are waited for, and those that have been held for `least_ns`: as many as there is room for, the former
// first. The list is valid until the next call.
LockList& list_locks(const EpisodeContext& in, uint64_t least_ns);

}  // namespace holdwatch
