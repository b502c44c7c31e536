// See own_thread.h.
#include "shim/watch/own_thread.h"

#include <sys/prctl.h>
#include <sys/syscall.h>

#include "shim/base/call_filter.h"
#include "shim/base/libc_functions.h"
#include "shim/base/signal_set.h"
#include "shim/base/system_call.h"
#include "shim/watch/safe_point.h"

namespace holdwatch {

ThreadCreator g_program_creates_threads = nullptr;

int create_thread(pthread_t* thread, const pthread_attr_t* attributes, void* (*run)(void*)) {
  const ThreadCreator create = g_program_creates_threads != nullptr ? g_program_creates_threads : libc().pthread_create;
  return create(thread, attributes, run, nullptr);
}

void name_own_thread(const char* name) {
  const Working working;
  if (!calls_filtered()) system_call(SYS_prctl, PR_SET_NAME, name);
}

int start_own_thread(pthread_t* thread, void* (*run)(void*), size_t stack_size) {
  pthread_attr_t attributes;
  int error = libc().pthread_attr_init(&attributes);
  if (error != 0) return error;
  const sigset_t all = signal_set(kAllSignals);
  libc().pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  libc().pthread_attr_setstacksize(&attributes, stack_size);
  // No signal of the program is ever handled, or taken from it, by a thread of ours.
  error = libc().pthread_attr_setsigmask_np(&attributes, &all);
  if (error == 0) error = create_thread(thread, &attributes, run);
  libc().pthread_attr_destroy(&attributes);
  return error;
}

}  // namespace holdwatch
