// Our own threads: the watcher, the reporter, an attachment's.
// Cold context.
#pragma once

#include <pthread.h>

#include <cstddef>

namespace holdwatch {

struct OwnThread {
  const char* name;
  void (*run)();
  size_t stack_size;
};

// Creates one: all signals blocked, a small stack, not counted by glibc (base/libc_threads.h). Joinable if `thread` is
// not null. Returns 0 or an errno. Under a filter of system calls it makes only calls that the program's own
// pthread_create makes too.
int start_own_thread(const OwnThread& what, pthread_t* thread);

// Reserves the stacks of the watcher and the reporter, in a process that is about to install a filter before watching
// has begun. Calling it again does nothing.
void reserve_own_stacks(const size_t (&sizes)[2]);
// In the child of fork: marks all of them as unused.
void own_stacks_after_fork();

// For a thread that has nothing more to do but must not end: ending makes system calls.
[[noreturn]] void rest_forever();

}  // namespace holdwatch
