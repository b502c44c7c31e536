// Holds a lock of its own for longer than the limit, some time after it was loaded; or only for a moment.
#include <pthread.h>
#include <unistd.h>

static pthread_rwlock_t rwlock = PTHREAD_RWLOCK_INITIALIZER;

extern "C" __attribute__((visibility("default"))) void take_and_release() {
  pthread_rwlock_wrlock(&rwlock);
  pthread_rwlock_unlock(&rwlock);
}

extern "C" __attribute__((visibility("default"))) const char* hold_in_plugin() {
  static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
  usleep(500'000);
  pthread_mutex_lock(&lock);
  usleep(800'000);
  pthread_mutex_unlock(&lock);
  return "held";
}
