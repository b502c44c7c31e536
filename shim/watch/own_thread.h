// The threads that are ours: the watcher, the reporter, an attachment's.
// Cold context.
#pragma once

#include <pthread.h>

#include <cstddef>

namespace holdwatch {

// Makes one: all signals blocked, a small stack, detached. 0 or an errno.
int start_own_thread(pthread_t* thread, void* (*run)(void*), size_t stack_size = 128 * 1024);

// For the calling thread, where a filter of system calls does not stand in the way.
void name_own_thread(const char* name);

}  // namespace holdwatch
