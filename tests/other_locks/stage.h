// What the programs of this folder have in common: one thread holds a lock of a library and stays inside it; others wait for
// that lock, each with a mutex of its own held, for which somebody else waits.
// Test code only.
#pragma once

#include <pthread.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <list>
#include <mutex>
#include <string>
#include <thread>

namespace stage {

constexpr int kBlocked = 4;

// Changed by the thread that is inside, so that it is the program's own code that is stopped.
inline volatile uint64_t g_turns;

inline void stay_inside() {
  while (true) {
    g_turns = g_turns + 1;
    if (g_turns % 1024 == 0) usleep(1000);
  }
}

inline void start(const std::string& name, std::function<void()> body) {
  std::thread([name, body = std::move(body)] {
    pthread_setname_np(pthread_self(), name.c_str());
    body();
  }).detach();
}

// `use` takes the lock, calls what it is given, and releases the lock. `wait_for_it` is the same for those who wait, if that
// is another way (to write where the holder reads). Does not return: whoever started the program ends it.
template <typename Use, typename WaitForIt>
[[noreturn]] void run(const void* object, Use use, WaitForIt wait_for_it) {
  static std::atomic<bool> is_inside{false};
  static std::atomic<int> holding{0};
  // The lock is used by turns first: so the library has woken waiters before.
  static std::atomic<int> turns{0};
  for (int i = 0; i < kBlocked; ++i) {
    std::thread([&] {
      for (; turns < 200; ++turns) use([] { usleep(100); });
    }).detach();
  }
  while (turns < 200) usleep(1000);
  start("inside", [&] {
    use([&] {
      is_inside = true;
      stay_inside();
    });
  });
  while (!is_inside) usleep(1000);
  static std::list<std::mutex> own;
  for (int i = 0; i < kBlocked; ++i) {
    std::mutex& lock = own.emplace_back();
    start("blocked" + std::to_string(i), [&] {
      const std::lock_guard guard(lock);
      ++holding;
      wait_for_it([] {});
    });
  }
  while (holding < kBlocked) usleep(1000);
  for (std::mutex& lock : own) {
    start("waiter", [&] { const std::lock_guard guard(lock); });
  }
  std::printf("ready %p\n", object);
  std::fflush(stdout);
  while (true) pause();
}

template <typename Use>
[[noreturn]] void run(const void* object, Use use) {
  run(object, use, use);
}

}  // namespace stage
