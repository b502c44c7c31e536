// The symbolizer's place in the process: a namespace of the loader's (dlmopen) with a libc, a C++ library, a heap and streams of
// its own, so that it waits for no lock of the program's.
// Cold context: the shim's reporter thread.
#pragma once

namespace holdwatch {

// Called in each thread before it uses the symbolizer. The per-thread data of a libc are prepared by the libc that creates the
// thread, which is the program's.
void enter_own_namespace();

// Called in each thread that has used it and now ends: keeps malloc's cache for the thread, which would be lost, for the next
// one. glibc frees that cache only in the libc that created the thread.
void leave_own_namespace();

}  // namespace holdwatch
