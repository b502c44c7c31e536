// holdwatch-threads.so, only in a build with a glibc before 2.34: a replacement for what the symbolizer's libraries
// need from libpthread. A second libpthread in the process would take the calling thread off the first one's list, and
// put its own functions into the loader's hooks. So this library has libpthread.so.0 as its SONAME, and is loaded into
// the symbolizer's namespace before the first library that needs libpthread.
// Cold context: the shim's reporter thread. Only one thread at a time uses the namespace, so there is nothing to lock.
// The functions for mutexes and conditions are libc's own, which do nothing without a libpthread.
#include <pthread.h>
#include <signal.h>

#include <cerrno>

#define HOLDWATCH_REPLACEMENT(name, ...)                                                           \
  extern "C" [[gnu::visibility("default")]] int replacement_of_##name(__VA_ARGS__) __asm__(#name); \
  int replacement_of_##name(__VA_ARGS__)

HOLDWATCH_REPLACEMENT(pthread_create, pthread_t*, const pthread_attr_t*, void* (*)(void*), void*) {
  return EAGAIN;
}
HOLDWATCH_REPLACEMENT(pthread_join, pthread_t, void**) {
  return ESRCH;
}
HOLDWATCH_REPLACEMENT(pthread_sigmask, int, const sigset_t*, sigset_t*) {
  return EINVAL;
}
HOLDWATCH_REPLACEMENT(pthread_condattr_setclock, pthread_condattr_t*, clockid_t) {
  return 0;
}
HOLDWATCH_REPLACEMENT(pthread_rwlock_init, pthread_rwlock_t*, const pthread_rwlockattr_t*) {
  return 0;
}
HOLDWATCH_REPLACEMENT(pthread_rwlock_destroy, pthread_rwlock_t*) {
  return 0;
}
HOLDWATCH_REPLACEMENT(pthread_rwlock_rdlock, pthread_rwlock_t*) {
  return 0;
}
HOLDWATCH_REPLACEMENT(pthread_rwlock_tryrdlock, pthread_rwlock_t*) {
  return 0;
}
HOLDWATCH_REPLACEMENT(pthread_rwlock_wrlock, pthread_rwlock_t*) {
  return 0;
}
HOLDWATCH_REPLACEMENT(pthread_rwlock_unlock, pthread_rwlock_t*) {
  return 0;
}
