// What lower layers may call in higher ones: one constant table, which lifecycle fills in (lifecycle/start.cpp).
// Each function says which threads may call it; none may be called from a lock call's fast path.
#pragma once

#include <pthread.h>
#include <ucontext.h>

#include <cstdint>

namespace holdwatch {

enum class FilterScope : unsigned char { calling_thread, all_threads };

struct Upcalls {
  // Starts the watcher and the reporter if this process takes part; calling it again does nothing. Any thread of the program.
  void (*begin_watch)();

  // Waits, for a bounded time, until our threads no longer need a lock of the program. A thread of the program that is about to
  // create another.
  void (*await_loaded)();

  // The calling thread is about to install a filter of system calls that may kill: from now on our threads begin no work that it
  // might forbid. Waits a few seconds at most for work in progress to end (own_threads/seccomp_state.h). False if this process
  // has never been watched.
  bool (*before_filter)(FilterScope scope);

  // Creates a thread of ours by the function that the process requires: libc's own, or ThreadSanitizer's. 0 or an errno.
  int (*create_thread)(pthread_t* thread, const pthread_attr_t* attributes, void* (*run)(void*), void* argument);

  // The attachment's thread: starts watching with these options; false, with the reason in `why`, if it cannot. Ends it.
  bool (*begin_attachment)(const char* const* options, char* why, unsigned long why_size);
  void (*end_attachment)();

  // The watcher: a command requests the end of the attachment.
  void (*detach)();

  // The handler of the sampling signal, in the thread that is sampled: the signal has arrived with the value that was sent. May
  // change the context to which the thread returns (inspection/sampling_signal.h).
  void (*sampling_signal_arrived)(uint32_t value, ucontext_t* context);

  // The process exits; called before the destructors of the symbolizer's libraries.
  void (*before_exit)();
};

[[gnu::visibility("hidden")]] extern const Upcalls kUpcalls;

}  // namespace holdwatch
