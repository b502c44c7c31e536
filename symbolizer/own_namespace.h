// The symbolizer's place in the process: a namespace of the dynamic loader (dlmopen) with its own libc, C++ library,
// heap and streams, so that it never waits for a lock of the program.
// Cold context: the shim's reporter thread.
#pragma once

namespace holdwatch {

// Called in each thread before it uses the symbolizer: a libc prepares its per-thread data only in threads that it
// creates itself, and this thread was created by the program's libc.
void enter_own_namespace();

// Called in each thread that has used the symbolizer and now exits. Keeps the chunks of malloc's per-thread cache for
// the next such thread; they would leak otherwise, since glibc frees that cache only in the libc that created the
// thread.
void leave_own_namespace();

}  // namespace holdwatch
