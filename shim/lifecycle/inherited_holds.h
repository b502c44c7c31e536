// What the record of a thread that has forked still says in the child, and is not so.
// The forking thread, in the child's fork handler.
#pragma once

#include "shim/record/owner_record.h"

namespace holdwatch {

// Drops the holds of locks that processes share: they remain the parent's. At most 64 holds are looked at, each by three system calls
// on /proc; where system calls are filtered, none.
void drop_holds_of_parent(OwnerRecord& record);

}  // namespace holdwatch
