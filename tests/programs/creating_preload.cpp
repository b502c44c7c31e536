// A preloaded library of with_other_preloads.cpp that makes one thread at a time, and waits until it runs, as the sanitizers of
// gcc 14 do: who makes a thread through it while it makes one, waits for ever.
#include <dlfcn.h>
#include <pthread.h>
#include <sched.h>

#include <atomic>

namespace {

using Create = int (*)(pthread_t*, const pthread_attr_t*, void* (*)(void*), void*);

std::atomic_flag g_is_creating = ATOMIC_FLAG_INIT;

struct Start {
  void* (*function)(void*);
  void* argument;
  std::atomic<bool> runs{false};
};

void* begin(void* argument) {
  auto& start = *static_cast<Start*>(argument);
  void* (*const function)(void*) = start.function;
  void* const of_function = start.argument;
  start.runs = true;
  return function(of_function);
}

}  // namespace

extern "C" [[gnu::visibility("default")]] int pthread_create(pthread_t* thread, const pthread_attr_t* attributes,
                                                             void* (*function)(void*), void* argument) noexcept {
  static const auto next = reinterpret_cast<Create>(dlsym(RTLD_NEXT, "pthread_create"));
  while (g_is_creating.test_and_set()) sched_yield();
  Start start = {function, argument};
  const int error = next(thread, attributes, begin, &start);
  while (error == 0 && !start.runs) sched_yield();
  g_is_creating.clear();
  return error;
}
