// glibc's count of a process's threads. It ends the process, by exit(0), in the last thread that it counts when that one ends
// (pthread_exit(3); nptl/pthread_create.c, sysdeps/nptl/libc_start_call_main.h). Threads of ours would keep a process alive
// whose main thread has ended in pthread_exit; so they are removed from the count.
// Cold context. The counter has been exported for libthread_db since glibc 2.34 (nptl_db/structs.def).
#pragma once

namespace holdwatch {

// Looked up with libc's functions (libc_functions), before any thread of ours exists; null if this glibc has no such counter.
[[gnu::visibility("hidden")]] inline unsigned* g_libc_thread_count = nullptr;

// For a thread of ours that has just been created, by its creator.
// Returns how many are left.
inline unsigned leave_out_of_count() {
  return __atomic_sub_fetch(g_libc_thread_count, 1, __ATOMIC_RELAXED);
}
// For the same thread when it is about to end: glibc subtracts it once more. If the program's last thread has ended in the time
// between the two, the process ends with ours.
inline void put_into_count() {
  __atomic_fetch_add(g_libc_thread_count, 1, __ATOMIC_RELAXED);
}

}  // namespace holdwatch
