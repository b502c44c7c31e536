// Threads that want the same lock, timed by Google Benchmark: how much gets done altogether, and how evenly it is shared out.
// One iteration is a slice of time in which the threads do what they can; run starts this program bare and watched by turns.
#include <benchmark/benchmark.h>
#include <pthread.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>

#include "pin.h"

namespace {

constexpr auto kSlice = std::chrono::milliseconds(150);

pthread_mutex_t g_mutex = PTHREAD_MUTEX_INITIALIZER;
pthread_rwlock_t g_rwlock = PTHREAD_RWLOCK_INITIALIZER;
long g_guarded = 0;

void mutex_pair() {
  pthread_mutex_lock(&g_mutex);
  ++g_guarded;
  pthread_mutex_unlock(&g_mutex);
}

// One of eight writes.
void rwlock_pair() {
  static thread_local unsigned turn = 0;
  if (++turn % 8 == 0) {
    pthread_rwlock_wrlock(&g_rwlock);
    ++g_guarded;
  } else {
    pthread_rwlock_rdlock(&g_rwlock);
    benchmark::DoNotOptimize(g_guarded);
  }
  pthread_rwlock_unlock(&g_rwlock);
}

// The pairs that each thread did in one slice.
template <void (*Pair)()>
std::vector<double> pairs_in_slice(size_t thread_count) {
  std::vector<double> pairs(thread_count);
  std::atomic<bool> stop{false};
  std::vector<std::thread> threads;
  for (double& own : pairs)
    threads.emplace_back([&own, &stop, index = threads.size(), is_few = thread_count <= 2] {
      if (is_few) pin_to(index);
      double count = 0;
      for (; !stop.load(std::memory_order_relaxed); ++count) Pair();
      own = count;
    });
  std::this_thread::sleep_for(kSlice);
  stop = true;
  for (auto& thread : threads) thread.join();
  return pairs;
}

// Jain's index: 1 if all threads did the same, 1/n if one did everything.
double fairness(const std::vector<double>& pairs) {
  double sum = 0, squares = 0;
  for (const double own : pairs) {
    sum += own;
    squares += own * own;
  }
  return squares == 0 ? 1 : sum * sum / (squares * static_cast<double>(pairs.size()));
}

template <void (*Pair)()>
void contended(benchmark::State& state) {
  double all = 0, fair = 0;
  for (auto _ : state) {
    const std::vector<double> pairs = pairs_in_slice<Pair>(static_cast<size_t>(state.range(0)));
    for (const double own : pairs) all += own;
    fair = fairness(pairs);
  }
  state.counters["pairs"] = all;
  state.counters["pair_s"] = benchmark::Counter(all, benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
  state.counters["fairness"] = fair;
}

// To and fro between two threads by two condition variables: one round trip an iteration.
void ping_pong(benchmark::State& state) {
  std::mutex mutex;
  std::condition_variable to_partner, to_us;
  bool partners_turn = false, done = false;
  std::thread partner([&] {
    std::unique_lock lock(mutex);
    while (true) {
      to_partner.wait(lock, [&] { return partners_turn || done; });
      if (done) return;
      partners_turn = false;
      to_us.notify_one();
    }
  });
  for (auto _ : state) {
    std::unique_lock lock(mutex);
    partners_turn = true;
    to_partner.notify_one();
    to_us.wait(lock, [&] { return !partners_turn; });
  }
  {
    const std::lock_guard lock(mutex);
    done = true;
  }
  to_partner.notify_one();
  partner.join();
}

BENCHMARK_TEMPLATE(contended, mutex_pair)
    ->Name("contended_mutex")
    ->Arg(2)
    ->Arg(16)
    ->Iterations(1)
    ->MeasureProcessCPUTime()
    ->UseRealTime();
BENCHMARK_TEMPLATE(contended, rwlock_pair)
    ->Name("contended_rwlock")
    ->Arg(2)
    ->Arg(16)
    ->Iterations(1)
    ->MeasureProcessCPUTime()
    ->UseRealTime();
BENCHMARK(ping_pong)->MeasureProcessCPUTime()->UseRealTime();

}  // namespace

BENCHMARK_MAIN();
