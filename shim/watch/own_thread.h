// The threads that are ours: the watcher, the reporter, an attachment's.
// Cold context.
#pragma once

#include <pthread.h>

#include <cstddef>

namespace holdwatch {

// Our threads are made by libc's own function. ThreadSanitizer alone must see them begin, for it ends the program at the
// first call from a thread that it does not know, and the program's callback for reports is called by one of ours: where it
// is loaded, start sets this to its function.
using ThreadCreator = int (*)(pthread_t*, const pthread_attr_t*, void* (*)(void*), void*);
extern ThreadCreator g_program_creates_threads;

// Null attributes: a thread as the program's are.
int create_thread(pthread_t* thread, const pthread_attr_t* attributes, void* (*run)(void*));

// Makes one: all signals blocked, a small stack, detached. 0 or an errno.
int start_own_thread(pthread_t* thread, void* (*run)(void*), size_t stack_size = 128 * 1024);

// For the calling thread, where a filter of system calls does not stand in the way.
void name_own_thread(const char* name);

}  // namespace holdwatch
