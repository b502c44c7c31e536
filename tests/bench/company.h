// Threads that are alive and do nothing, as most of a server's threads do most of the time. With one of them glibc's locks
// use atomic instructions, which they skip in a process that never made a thread.
#pragma once

#include <pthread.h>

#include <atomic>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <mutex>

// Keeps `count` more threads for the rest of the process; a second call only adds what is missing. Each of them has taken
// a lock, so that a watched process has a record for each.
class Company {
 public:
  static void of(size_t count) {
    static std::mutex mutex;
    const std::lock_guard guard(mutex);
    static size_t there = 0;
    for (; there < count; ++there) start();
    for (size_t now = arrived().load(); now < count; now = arrived().load()) arrived().wait(now);
  }

 private:
  static std::atomic<size_t>& arrived() {
    static std::atomic<size_t> count{0};
    return count;
  }

  static void start() {
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, 64 * 1024);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    pthread_t thread;
    if (pthread_create(&thread, &attributes, &idle, nullptr) != 0) {
      std::perror("cannot make a thread");
      std::exit(1);
    }
    pthread_attr_destroy(&attributes);
  }

  static void* idle(void*) {
    pthread_mutex_t own = PTHREAD_MUTEX_INITIALIZER;
    pthread_mutex_lock(&own);
    pthread_mutex_unlock(&own);
    arrived().fetch_add(1);
    arrived().notify_one();
    static std::atomic<bool> never{false};
    while (true) never.wait(false);
  }
};
