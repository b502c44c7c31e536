// The symbolizer's place in the process: a namespace of the loader's (dlmopen) with a libc, a C++ library, a heap and streams of
// its own, so that it waits for no lock of the program's.
// Cold context: the shim's reporter thread.
#pragma once

namespace holdwatch {

// For each thread that is to use the symbolizer, before it does. What libc keeps for each thread is made ready by the libc
// that creates the thread, and that is the program's.
void enter_own_namespace();

// For each thread that has used it and now ends: what malloc has ready for the thread, and would be lost with it, is kept for the
// next one. glibc gives that back in the libc that creates the thread only.
void leave_own_namespace();

}  // namespace holdwatch
