// Stalls as the watch is made to report: stall HOLDS HOLD_MS WAITERS. A thread holds a lock HOLDS times, each time another one
// and for HOLD_MS, while WAITERS threads want it and one more thread goes on with lock calls of its own. Prints, with times
// in nanoseconds of CLOCK_MONOTONIC, "taken TIME" and "released TIME" for each hold, and at the end what the busy thread
// got done: "work TIME PAIRS PROCESSOR_NS", the latter two counted from the beginning. Ends with its standard input.
#include <pthread.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <vector>

namespace {

constexpr int kMaxHolds = 16;
constexpr int64_t kSampleNs = 5'000'000;

pthread_mutex_t g_locks[kMaxHolds];
std::atomic<int> g_taken{0};  // holds begun
std::atomic<bool> g_done{false};

struct Sample {
  int64_t time_ns, pairs, processor_ns;
};
std::vector<Sample> g_work;

int64_t clock_ns(clockid_t clock) {
  timespec now;
  clock_gettime(clock, &now);
  return now.tv_sec * 1'000'000'000 + now.tv_nsec;
}

void* work(void*) {
  pthread_mutex_t own = PTHREAD_MUTEX_INITIALIZER;
  int64_t next_ns = 0;
  for (int64_t pairs = 0; !g_done.load(std::memory_order_relaxed); ++pairs) {
    pthread_mutex_lock(&own);
    pthread_mutex_unlock(&own);
    if (pairs % 256 != 0) continue;
    const int64_t now_ns = clock_ns(CLOCK_MONOTONIC);
    if (now_ns < next_ns) continue;
    g_work.push_back({now_ns, pairs, clock_ns(CLOCK_THREAD_CPUTIME_ID)});
    next_ns = now_ns + kSampleNs;
  }
  return nullptr;
}

void* want_each(void* holds) {
  for (int hold = 0; hold < static_cast<int>(reinterpret_cast<intptr_t>(holds)); ++hold) {
    for (int taken = g_taken.load(); taken <= hold; taken = g_taken.load()) g_taken.wait(taken);
    pthread_mutex_lock(&g_locks[hold]);
    pthread_mutex_unlock(&g_locks[hold]);
  }
  return nullptr;
}

pthread_t start(void* (*function)(void*), void* argument) {
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, 128 * 1024);
  pthread_t thread;
  if (pthread_create(&thread, &attributes, function, argument) != 0) {
    std::perror("cannot make a thread");
    std::exit(1);
  }
  return thread;
}

[[gnu::noinline]] void hold(int number, useconds_t time_us) {
  pthread_mutex_lock(&g_locks[number]);
  std::printf("taken %ld\n", clock_ns(CLOCK_MONOTONIC));
  std::fflush(stdout);
  g_taken.store(number + 1);
  g_taken.notify_all();
  usleep(time_us);
  pthread_mutex_unlock(&g_locks[number]);
  std::printf("released %ld\n", clock_ns(CLOCK_MONOTONIC));
  std::fflush(stdout);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4 || std::atoi(argv[1]) > kMaxHolds) {
    std::fprintf(stderr, "use: stall HOLDS HOLD_MS WAITERS, at most %d holds\n", kMaxHolds);
    return 2;
  }
  const int holds = std::atoi(argv[1]);
  const auto hold_us = static_cast<useconds_t>(std::atoi(argv[2])) * 1000;
  const int waiters = std::atoi(argv[3]);
  for (auto& lock : g_locks) lock = PTHREAD_MUTEX_INITIALIZER;
  g_work.reserve(100'000);

  const pthread_t worker = start(&work, nullptr);
  std::vector<pthread_t> threads;
  for (int i = 0; i < waiters; ++i) threads.push_back(start(&want_each, reinterpret_cast<void*>(intptr_t{holds})));
  for (int number = 0; number < holds; ++number) hold(number, hold_us);
  for (const pthread_t thread : threads) pthread_join(thread, nullptr);
  g_done = true;
  pthread_join(worker, nullptr);
  for (const Sample& sample : g_work)
    std::printf("work %ld %ld %ld\n", sample.time_ns, sample.pairs, sample.processor_ns);
  std::fflush(stdout);
  char byte;
  while (read(STDIN_FILENO, &byte, 1) > 0) {
  }
  return 0;
}
