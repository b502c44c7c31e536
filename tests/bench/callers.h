// Code as users build it that takes a lock: callers.cpp is compiled several times, once for each way of building.
// No benchmark by itself; lock_calls.cpp times it, counted_pairs.cpp counts its instructions.
#pragma once

#include <mutex>

// For each way of building: one lock and unlock through a guard, and a call of `then` from under `frames` frames.
#define BENCH_CALLERS(build)                    \
  void guarded_pair_##build(std::mutex& mutex); \
  void at_depth_##build(int frames, void (*then)(void*), void* argument);

BENCH_CALLERS(O0)
BENCH_CALLERS(O2)
BENCH_CALLERS(O2_frame_pointers)
