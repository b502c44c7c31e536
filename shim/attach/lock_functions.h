// Where glibc's lock functions are in memory, so that a thread that has been waiting in one since before the attachment
// can be recognized.
// Cold context (the attaching thread); waits for the loader's lock.
#pragma once

namespace holdwatch {

// Passes the addresses to inspection/waiting_call. Calling it again does nothing.
void note_lock_functions();

}  // namespace holdwatch
