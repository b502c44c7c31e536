// Where glibc's lock functions are in memory: for recognizing threads that have waited in one since before the
// attachment.
// Cold context (the attaching thread); waits for the loader's lock.
#pragma once

namespace holdwatch {

// Passes the addresses to inspection/waiting_call. Calling it again does nothing.
void note_lock_functions();

}  // namespace holdwatch
