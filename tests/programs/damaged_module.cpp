// The module whose copies hostile_unwind_tables.cpp, hostile_debug_data.cpp and module_file_changed.cpp spoil: holds a lock
// for as long as a descriptor gives nothing to read.
#include <pthread.h>
#include <unistd.h>

extern "C" [[gnu::visibility("default")]] int module_works(pthread_mutex_t* mutex, int descriptor);

namespace {

volatile int passed;

[[gnu::noinline]] void module_holds(pthread_mutex_t* mutex, int descriptor) {
  pthread_mutex_lock(mutex);
  char byte;
  while (read(descriptor, &byte, 1) < 0) continue;
  pthread_mutex_unlock(mutex);
  passed = passed + 1;
}

}  // namespace

int module_works(pthread_mutex_t* mutex, int descriptor) {
  module_holds(mutex, descriptor);
  return passed;
}
