// What the scenes of one program have in common: named threads that come to where they stay in order.
// Test code only.
#pragma once

#include <pthread.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <functional>
#include <thread>
#include <vector>

namespace stage {

inline std::vector<std::thread> g_threads;
inline pthread_barrier_t g_all_hold;
inline std::atomic<unsigned long> g_turns;

inline void start(const char* name, std::function<void()> body) {
  g_threads.emplace_back([name, body = std::move(body)] {
    pthread_setname_np(pthread_self(), name);
    body();
  });
}

// Something is left to do behind a call, so that the function that made it stays on the stack.
inline void go_on() {
  g_turns.fetch_add(1, std::memory_order_relaxed);
}

inline void all_hold() {
  pthread_barrier_wait(&g_all_hold);
}

[[noreturn]] inline void stay() {
  for (;;) pause();
}

inline void ready(pid_t pid = getpid()) {
  std::printf("ready %d\n", pid);
  std::fflush(stdout);
}

// The scenes of more_scenes.cpp.
void holder_sends();
void before_fork();
void before_daemon();
void idle();
void pool();
void storm();
void crowd(int count);

// The scenes of wait_scenes.cpp.
void join_cycle();
void join_chain();
void stream();
void join_and_stream();
void stream_left();
void signals_ahead();
void posts_ahead();
void once_cycle();
void static_cycle();
void two_statics();
void initializer_works();
void joins_only();
void own_lock();
void loader();

// The scenes of file_scenes.cpp.
void two_files();
void two_kinds_of_file_locks();
void two_files_and_alarm();
void file_and_mutex();
void file_of_two_readers();
void child_wants_file();
void file_locked_twice();
void file_of_a_thread(bool main_waits, bool ends_by_itself);

}  // namespace stage
