// The plugin of stuck_in_constructor.cpp and stuck_in_constructor_early.cpp: its constructor waits for a lock of the program
// that loads it, after the program has had its say.
#include <pthread.h>

extern "C" pthread_mutex_t wanted_by_constructor;
extern "C" [[gnu::weak]] void before_constructor_waits();

namespace {

[[gnu::constructor]] void waits() {
  if (before_constructor_waits != nullptr) before_constructor_waits();
  pthread_mutex_lock(&wanted_by_constructor);
  pthread_mutex_unlock(&wanted_by_constructor);
}

}  // namespace
