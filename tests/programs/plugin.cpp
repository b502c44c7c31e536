// The plug-in of dlclosed_module.cpp: takes a lock for its caller.
#include <pthread.h>

#include <atomic>

extern "C" [[gnu::visibility("default")]] void plugin_takes(pthread_mutex_t* mutex);

void plugin_takes(pthread_mutex_t* mutex) {
  pthread_mutex_lock(mutex);
  std::atomic_signal_fence(std::memory_order_seq_cst);  // no tail call: the return address is to lie in here
}
