// What was held and waited for before this process was attached to: no lock call of ours saw it begin, so that glibc's own
// fields of the lock, and the system call that a thread is blocked in, have to tell.
// Cold context (watcher): it makes records on behalf of such threads and is their only writer. All that reads records then
// sees them; a hold or wait that was adopted has no call site (its pc is 0).
#pragma once

#include <cstdint>

namespace holdwatch {

// Asks for a look at all threads at the next call of look_after_adopted. Any thread.
void adopt_later();

// Adopts what is new, and drops what has ended or is recorded by the thread itself by now. `old_ns`: a recorded wait that
// began at this tick or before is asked who keeps it waiting.
void look_after_adopted(uint64_t old_ns);

// Whether there are records of what threads have done before.
bool has_adopted();

// Gives back all that was adopted. When no watcher runs.
void forget_adopted();

}  // namespace holdwatch
