// glibc's own mutex functions, for the few places of ours that need a mutex and must not watch themselves.
// Any context, once interpose/real_functions has resolved them.
#pragma once

#include <pthread.h>

namespace holdwatch {

extern int (*real_mutex_lock)(pthread_mutex_t*);
extern int (*real_mutex_unlock)(pthread_mutex_t*);

}  // namespace holdwatch
