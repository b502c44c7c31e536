// Readers that an rwlock counts and no record tells, because they had it before this process was attached to.
// Cold context (watcher). Reads the lock, the records and the system call of one thread; disturbs none.
#pragma once

#include "shim/record/view.h"

namespace holdwatch {

// Whether it is an rwlock that such readers have, and nobody else.
bool has_only_earlier_readers(LockWord lock);

// Whether such readers have had the rwlock without a break for as long as this wait has lasted; they may have taken turns. Shown by
// the writer that has it next: the last reader to leave would have handed it over.
bool is_kept_by_earlier_readers(const WaitView& wait);

}  // namespace holdwatch
