// A process's list of locks, before it is used: its memory may contain anything.
// Pure.
#pragma once

#include "shim/common/contract/lock_list.h"

namespace holdwatch::top {

// Ends texts, and leaves out what is no possible value or refers to what is not in the list.
void check_list(LockList& list);

}  // namespace holdwatch::top
