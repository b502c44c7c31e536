// Two threads with a mutex each, which a test has wait for each other, or not quite. To be played in a child of fork, since nobody
// can free them again.
#pragma once

#include <pthread.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tests/unit/await_sleep.h"
#include "tests/unit/record_calls.h"
#include "tests/unit/recorded_thread.h"

namespace holdwatch {

// A lock call's frame: below its caller's stack pointer stands where it returns to.
struct CallFrame {
  uintptr_t return_address = 0x401000;
  Caller caller() const { return {return_address, reinterpret_cast<uintptr_t>(this + 1), 0}; }
};

struct DeadlockScene {
  pthread_mutex_t mutexes[2] = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_MUTEX_INITIALIZER};
  RecordedThread threads[2];
  CallFrame frames[2];

  // Each has its mutex since the tick that is published now.
  void take() {
    for (int i = 0; i < 2; ++i)
      threads[i].run([&, i] {
        pthread_mutex_lock(&mutexes[i]);
        hold(threads[i].record(), word(i), {0x401000, 0, 0});
      });
  }
  LockWord word(int i) { return {&mutexes[i], LockKind::mutex, Access::exclusive}; }
  void note_wait(int thread, LockWord lock) {
    threads[thread].run([&] { begin_wait(threads[thread].record(), lock, frames[thread].caller()); });
  }
  // From here on the thread sleeps for the mutex, or does something else for ever.
  void block(int thread, int mutex) {
    threads[thread].start([&, mutex] { pthread_mutex_lock(&mutexes[mutex]); });
    await_sleep_for(threads[thread].tid(), word(mutex));
  }
  void do_something_else(int thread) {
    threads[thread].start([] { pause(); });
    await_call(threads[thread].tid(), SYS_pause);
  }
  void deadlock() {
    for (int i = 0; i < 2; ++i) {
      note_wait(i, word(1 - i));
      block(i, 1 - i);
    }
  }
};

}  // namespace holdwatch
