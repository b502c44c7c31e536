// Threads that hold a lock in a function which is inlined into another one. Needs debug data to be told. See inlined_holder.py.
#include <pthread.h>

#include <shared_mutex>
#include <thread>

#include "stage.h"

namespace {

std::shared_mutex g_lock;

inline void hold_inlined(int n) {
  const std::shared_lock guard(g_lock);
  sink = n;
  stage_pause(nullptr);
  sink = n + 1;
}

NOINLINE void hold_outside(int n) {
  sink = n;
  hold_inlined(n);
  sink = n + 2;
}

// Here the function that blocks is inlined, not the one with the guard.
inline void block_inlined(int n) {
  sink = n;
  stage_pause(nullptr);
  sink = n + 1;
}

NOINLINE void hold_around(int n) {
  const std::shared_lock guard(g_lock);
  sink = n;
  block_inlined(n);
  sink = n + 2;
}

void* run_inlined(void* argument) {
  hold_outside(zero);
  return argument;
}

void* run_around(void* argument) {
  hold_around(zero);
  return argument;
}

void* run_lambda(void* argument) {
  const auto hold = [](int n) {
    const std::shared_lock guard(g_lock);
    sink = n;
    stage_pause(nullptr);
    sink = n + 1;
  };
  hold(zero);
  return argument;
}

void* wait(void* argument) {
  const std::lock_guard guard(g_lock);
  return argument;
}

}  // namespace

int main() {
  stage_start("inlined", run_inlined, nullptr);
  stage_start("around", run_around, nullptr);
  stage_start("lambda", run_lambda, nullptr);
  const stage_holder holders[] = {{"inlined", "hold_inlined", "guard", 1},
                                  {"around", "hold_around", "guard", 1},
                                  {"lambda", "operator()", "guard", 1}};
  stage_answer("lock", &g_lock, STAGE_READ, holders, 3);
  stage_start("waiter", wait, nullptr);
  stage_ready();
}
