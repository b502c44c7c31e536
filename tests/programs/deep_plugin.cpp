// The plugin of bound_deeply.cpp: its calls go where its own search order leads, past every preload.
#include <pthread.h>

extern "C" void plugin_lock(pthread_mutex_t* mutex) {
  pthread_mutex_lock(mutex);
}
extern "C" void plugin_unlock(pthread_mutex_t* mutex) {
  pthread_mutex_unlock(mutex);
}
