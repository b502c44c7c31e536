// Locks that are global variables: one held for reading, one for writing, and a mutex; their holders wait for a condition and a join.
#include <condition_variable>
#include <mutex>
#include <shared_mutex>
#include <thread>

#include "stage.h"

namespace {

std::shared_mutex g_config;
std::shared_mutex g_log;
std::mutex g_queue;

NOINLINE void wait_for_news() {
  std::mutex mutex;
  std::condition_variable news;
  std::unique_lock lock(mutex);
  news.wait(lock, [] { return zero != 0; });
}

NOINLINE void read_config() {
  std::shared_lock lock(g_config);
  wait_for_news();
  sink = 1;
}

NOINLINE void rotate_log() {
  std::unique_lock lock(g_log);
  std::thread compressor([] { stage_pause(nullptr); });
  compressor.join();
}

NOINLINE void drain_queue() {
  std::lock_guard lock(g_queue);
  wait_for_news();
  sink = 1;
}

template <void (*body)()>
void* runs(void*) {
  body();
  return nullptr;
}

template <class Lock>
void* waits(void* lock) {
  std::unique_lock guard(*static_cast<Lock*>(lock));
  sink = 2;
  return nullptr;
}

}  // namespace

int main() {
  stage_start("config", runs<read_config>, nullptr);
  stage_start("log", runs<rotate_log>, nullptr);
  stage_start("queue", runs<drain_queue>, nullptr);
  const stage_holder config = {"config", "read_config", "guard", 1};
  const stage_holder log = {"log", "rotate_log", "guard", 1};
  const stage_holder queue = {"queue", "drain_queue", "guard", 1};
  stage_answer("g_config", &g_config, STAGE_READ, &config, 1);
  stage_answer("g_log", &g_log, STAGE_WRITE, &log, 1);
  stage_answer("g_queue", &g_queue, STAGE_MUTEX, &queue, 1);
  stage_start("waits_config", waits<std::shared_mutex>, &g_config);
  stage_start("waits_log", waits<std::shared_mutex>, &g_log);
  stage_start("waits_queue", waits<std::mutex>, &g_queue);
  stage_ready();
}
