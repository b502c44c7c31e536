// See callers.h. Compiled with -DBENCH_BUILD=..., the name of the way of building.
#include "callers.h"

#define JOIN_NAMES(first, second) first##second
#define JOIN(first, second) JOIN_NAMES(first, second)

void JOIN(guarded_pair_, BENCH_BUILD)(std::mutex& mutex) {
  const std::lock_guard guard(mutex);
}

// The empty statement after the call keeps it from becoming a jump.
void JOIN(at_depth_, BENCH_BUILD)(int frames, void (*then)(void*), void* argument) {
  if (frames <= 1)
    then(argument);
  else
    JOIN(at_depth_, BENCH_BUILD)(frames - 1, then, argument);
  asm volatile("" ::: "memory");
}
