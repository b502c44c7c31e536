// Where glibc's lock functions lie in memory, so that a thread which waits in one since before the attachment is known.
// Cold context (the attaching thread); waits for the loader's lock.
#pragma once

namespace holdwatch {

// Tells inspection/waiting_call. Calling it again does nothing.
void note_lock_functions();

}  // namespace holdwatch
