// Threads that hold a lock and wait for a variable of the program: for what its symbols name.
#pragma once

#include <semaphore.h>

#include <atomic>
#include <mutex>

#include "tests/programs/harness.h"

struct Config {
  Config();
};
Config& config();

struct Pool {
  int size = 0;
  sem_t slots;
};

extern pthread_cond_t queue_is_full;
extern std::once_flag setup;
extern Pool pool;

namespace named_objects {

inline std::atomic<bool> is_inside{false};

[[noreturn]] inline void stay() {
  is_inside = true;
  while (true) pause();
}

// Once somebody else is inside an initializer.
inline void start_initializer(const char* name, void (*begin)()) {
  is_inside = false;
  new harness::Thread(name, begin);
  while (!is_inside) usleep(1000);
}

inline void hold_and(const char* name, void (*wait)()) {
  new harness::Thread(name, [wait] {
    std::mutex own;
    const std::lock_guard guard(own);
    wait();
  });
  harness::await_report_of("over", name, 1);
}

inline void wait_for_all() {
  sem_init(&pool.slots, 0, 0);
  start_initializer("configures", [] { config(); });
  hold_and("static", [] { config(); });
  start_initializer("sets_up", [] { std::call_once(setup, stay); });
  hold_and("once", [] { std::call_once(setup, stay); });
  hold_and("condition", [] {
    pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
    pthread_mutex_lock(&mutex);
    while (true) pthread_cond_wait(&queue_is_full, &mutex);
  });
  hold_and("member", [] {
    while (sem_wait(&pool.slots) != 0) continue;
  });
  std::_Exit(0);
}

}  // namespace named_objects

// One per program: the variables that have names.
pthread_cond_t queue_is_full = PTHREAD_COND_INITIALIZER;
std::once_flag setup;
Pool pool;

Config::Config() {
  named_objects::stay();
}
Config& config() {
  static Config instance;
  return instance;
}
