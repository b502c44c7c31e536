// The plugin of stuck_in_constructor.cpp: its constructor waits for a lock of the program that loads it.
#include <pthread.h>

extern "C" pthread_mutex_t wanted_by_constructor;

namespace {

[[gnu::constructor]] void waits() {
  pthread_mutex_lock(&wanted_by_constructor);
  pthread_mutex_unlock(&wanted_by_constructor);
}

}  // namespace
