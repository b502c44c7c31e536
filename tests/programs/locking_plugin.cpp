// The plugin of locks_in_libraries.cpp: locks when it comes, when it goes, and in an exit handler of its own.
#include <pthread.h>

#include <cstdlib>

extern "C" pthread_mutex_t of_program;
extern "C" int uses_by_plugin;

namespace {

pthread_rwlock_t of_plugin = PTHREAD_RWLOCK_INITIALIZER;

void use() {
  pthread_rwlock_wrlock(&of_plugin);
  pthread_mutex_lock(&of_program);
  ++uses_by_plugin;
  pthread_mutex_unlock(&of_program);
  pthread_rwlock_unlock(&of_plugin);
}

struct Uses {
  Uses() { use(); }
  ~Uses() { use(); }
} uses;

[[gnu::constructor]] void comes() {
  use();
  std::atexit(use);
}

[[gnu::destructor]] void goes() {
  use();
}

}  // namespace
