// A process that does nothing with many threads, to see what watching it costs: idle THREADS [holding|waiting|stalled]. Prints
// "ready" once all threads are there, and ends with its standard input. With `holding` each thread holds a lock of its own,
// and takes it anew twice a second, so that none is held for longer than the default limit. With `waiting` all are in a
// condition wait; with `stalled` too, while a lock is held all the time and a thread that holds another one waits for it.
#include <pthread.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "company.h"

namespace {

constexpr useconds_t kHoldUs = 500'000;

std::atomic<size_t> g_arrived{0};

void* hold_again_and_again(void*) {
  pthread_mutex_t own = PTHREAD_MUTEX_INITIALIZER;
  pthread_mutex_lock(&own);
  g_arrived.fetch_add(1);
  g_arrived.notify_one();
  while (true) {
    usleep(kHoldUs);
    pthread_mutex_unlock(&own);
    pthread_mutex_lock(&own);
  }
}

pthread_mutex_t g_queue = PTHREAD_MUTEX_INITIALIZER, g_first = PTHREAD_MUTEX_INITIALIZER,
                g_second = PTHREAD_MUTEX_INITIALIZER;
pthread_cond_t g_work = PTHREAD_COND_INITIALIZER;

void* wait_for_work(void*) {
  pthread_mutex_lock(&g_queue);
  g_arrived.fetch_add(1);
  g_arrived.notify_one();
  while (true) pthread_cond_wait(&g_work, &g_queue);
}

void* wait_with_a_lock(void*) {
  pthread_mutex_lock(&g_second);
  g_arrived.fetch_add(1);
  g_arrived.notify_one();
  pthread_mutex_lock(&g_first);
  return nullptr;
}

void start(size_t count, void* (*run)(void*)) {
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, 64 * 1024);
  for (size_t i = 0; i < count; ++i) {
    pthread_t thread;
    if (pthread_create(&thread, &attributes, run, nullptr) != 0) {
      std::perror("cannot make a thread");
      std::exit(1);
    }
  }
}

void await(size_t count) {
  for (size_t there = g_arrived.load(); there < count; there = g_arrived.load()) g_arrived.wait(there);
}

}  // namespace

int main(int argc, char** argv) {
  const size_t count = argc > 1 ? static_cast<size_t>(std::atol(argv[1])) : 0;
  const std::string_view mode = argc > 2 ? argv[2] : "";
  if (mode.empty() && count > 0) Company::of(count);
  if (mode == "holding") start(count, hold_again_and_again);
  if (mode == "waiting" || mode == "stalled") start(count, wait_for_work);
  if (mode == "stalled") {
    pthread_mutex_lock(&g_first);
    start(1, wait_with_a_lock);
  }
  if (!mode.empty()) await(count + (mode == "stalled" ? 1 : 0));
  std::puts("ready");
  std::fflush(stdout);
  char byte;
  while (read(STDIN_FILENO, &byte, 1) > 0) {
  }
  std::_Exit(0);
}
