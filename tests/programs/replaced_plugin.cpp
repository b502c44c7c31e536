// Two plug-ins of `code_was_replaced`: the same code under other names (FIRST: true or false), so that one fits where the other
// was.
#include <pthread.h>

namespace {

volatile int sink;

template <bool IsFirst>
[[gnu::noipa]] int inner(pthread_mutex_t* lock, void (*stall)()) {
  pthread_mutex_lock(lock);
  stall();
  pthread_mutex_unlock(lock);
  return sink;
}

template <bool IsFirst>
[[gnu::noipa]] int middle(pthread_mutex_t* lock, void (*stall)(), int index) {
  volatile char buffer[64];
  for (int i = 0; i < 64; ++i) buffer[i] = static_cast<char>(index);
  return inner<IsFirst>(lock, stall) + buffer[index & 63];
}

}  // namespace

extern "C" void plugin_entry(pthread_mutex_t* lock, void (*stall)()) {
  sink = sink + middle<FIRST>(lock, stall, 3);
  sink = sink + 1;
}
