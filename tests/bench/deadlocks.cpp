// Deadlocks of two threads, one after the other, in a process of many threads: deadlocks THREADS [busy]. Each of the THREADS holds a
// lock of its own and waits for that of the next one, the last for a condition. Prints "ready" once all are there, and
// "closed TIME" for each deadlock: nanoseconds of CLOCK_MONOTONIC, just before the call that closes the cycle. Waits before
// each as long as a line on its standard input says, in microseconds, and ends with it. With `busy` one more thread makes
// lock calls all the time.
#include <pthread.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <string_view>
#include <vector>

namespace {

std::vector<pthread_mutex_t> g_locks;
std::atomic<size_t> g_held{0};
std::atomic<bool> g_all_are_held{false};

int64_t clock_ns() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1'000'000'000 + now.tv_nsec;
}

void start(void* (*run)(void*), void* argument) {
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, 64 * 1024);
  pthread_t thread;
  if (pthread_create(&thread, &attributes, run, argument) != 0) {
    std::perror("cannot make a thread");
    std::exit(1);
  }
}

void* wait_for_next(void* argument) {
  const auto own = reinterpret_cast<size_t>(argument);
  pthread_mutex_lock(&g_locks[own]);
  g_held.fetch_add(1);
  g_held.notify_one();
  g_all_are_held.wait(false);
  if (own + 1 < g_locks.size()) pthread_mutex_lock(&g_locks[own + 1]);
  pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
  pthread_cond_t never = PTHREAD_COND_INITIALIZER;
  pthread_mutex_lock(&mutex);
  while (true) pthread_cond_wait(&never, &mutex);
}

void make_chain(size_t count) {
  g_locks.assign(count, PTHREAD_MUTEX_INITIALIZER);
  for (size_t i = 0; i < count; ++i) start(&wait_for_next, reinterpret_cast<void*>(i));
  for (size_t held = g_held.load(); held < count; held = g_held.load()) g_held.wait(held);
  g_all_are_held = true;
  g_all_are_held.notify_all();
}

void* work(void*) {
  pthread_mutex_t own = PTHREAD_MUTEX_INITIALIZER;
  while (true) {
    pthread_mutex_lock(&own);
    pthread_mutex_unlock(&own);
  }
}

struct Pair {
  pthread_mutex_t first = PTHREAD_MUTEX_INITIALIZER, second = PTHREAD_MUTEX_INITIALIZER;
  std::atomic<bool> first_is_held{false}, second_is_held{false}, may_close{false};
};

void* wait_for_second(void* argument) {
  auto& pair = *static_cast<Pair*>(argument);
  pthread_mutex_lock(&pair.first);
  pair.first_is_held = true;
  pair.first_is_held.notify_one();
  pair.second_is_held.wait(false);
  pthread_mutex_lock(&pair.second);
  return nullptr;
}

void* close_cycle(void* argument) {
  auto& pair = *static_cast<Pair*>(argument);
  pthread_mutex_lock(&pair.second);
  pair.second_is_held = true;
  pair.second_is_held.notify_one();
  pair.may_close.wait(false);
  std::printf("closed %ld\n", clock_ns());
  std::fflush(stdout);
  pthread_mutex_lock(&pair.first);
  return nullptr;
}

void make_deadlock(useconds_t after_us) {
  auto& pair = *new Pair;
  start(&wait_for_second, &pair);
  pair.first_is_held.wait(false);
  start(&close_cycle, &pair);
  usleep(after_us);
  pair.may_close = true;
  pair.may_close.notify_one();
}

}  // namespace

int main(int argc, char** argv) {
  const bool is_busy = argc == 3 && std::string_view(argv[2]) == "busy";
  if (argc != 2 && !is_busy) {
    std::fprintf(stderr, "use: deadlocks THREADS [busy]\n");
    return 2;
  }
  make_chain(static_cast<size_t>(std::atoi(argv[1])));
  if (is_busy) start(&work, nullptr);
  std::printf("ready\n");
  std::fflush(stdout);
  unsigned after_us = 0;
  while (std::scanf("%u", &after_us) == 1) make_deadlock(after_us);
  std::fflush(stdout);
  _exit(0);
}
