// See own_thread.h.
#include "shim/watch/own_thread.h"

#include <signal.h>

#include "shim/base/call_filter.h"
#include "shim/watch/safe_point.h"

namespace holdwatch {

void name_own_thread(const char* name) {
  const Working working;
  if (!calls_filtered()) pthread_setname_np(pthread_self(), name);
}

int start_own_thread(pthread_t* thread, void* (*run)(void*), size_t stack_size) {
  pthread_attr_t attributes;
  int error = pthread_attr_init(&attributes);
  if (error != 0) return error;
  sigset_t all;
  sigfillset(&all);
  pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  pthread_attr_setstacksize(&attributes, stack_size);
  // No signal of the program is ever handled, or taken from it, by a thread of ours.
  error = pthread_attr_setsigmask_np(&attributes, &all);
  if (error == 0) error = pthread_create(thread, &attributes, run, nullptr);
  pthread_attr_destroy(&attributes);
  return error;
}

}  // namespace holdwatch
