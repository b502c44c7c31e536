// The threads that are ours: the watcher, the reporter, an attachment's.
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

// Makes one: all signals blocked, a small stack, not counted by glibc (base/libc_threads.h). Joinable if `thread` is not null.
// 0 or an errno. Under a filter of system calls it makes no call that the program's own pthread_create does not make.
int start_own_thread(const OwnThread& what, pthread_t* thread);

// Address space for the stacks of the watch's two threads, for a process that is about to filter its calls without having begun
// its watch. Called again it does nothing.
void reserve_own_stacks(const size_t (&sizes)[2]);
// In the child of fork: none of them is in use.
void own_stacks_after_fork();

// For a thread that has nothing more to do but may not end: ending makes system calls.
[[noreturn]] void rest_forever();

}  // namespace holdwatch
