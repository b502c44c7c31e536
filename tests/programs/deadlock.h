// A deadlock to look at: two threads, of which each has one mutex and wants the other's.
#pragma once

#include "tests/programs/harness.h"

namespace harness {

// The mutexes, the threads and what brings them into order outlive the caller: nobody can join such threads.
inline void start_deadlock() {
  static pthread_mutex_t one = PTHREAD_MUTEX_INITIALIZER, two = PTHREAD_MUTEX_INITIALIZER;
  static Event has_one, has_two;
  new Thread("first", [] {
    CHECK(pthread_mutex_lock(&one) == 0);
    has_one.fire();
    has_two.wait();
    pthread_mutex_lock(&two);
  });
  has_one.wait();
  new Thread("second", [] {
    CHECK(pthread_mutex_lock(&two) == 0);
    has_two.fire();
    pthread_mutex_lock(&one);
  });
}

}  // namespace harness
