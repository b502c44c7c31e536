// What lock calls cost, timed by Google Benchmark: one benchmark a case. run starts this program bare and watched by turns,
// each time for one case and a fraction of a second; lock_cases.py says what each case is.
// A second thread is alive throughout, but for the case "alone": see company.h.
#include <benchmark/benchmark.h>
#include <pthread.h>

#include <array>
#include <memory>
#include <mutex>
#include <vector>

#include "callers.h"
#include "company.h"
#include "pin.h"

namespace {

constexpr size_t kFalseSharing = 128;  // cache lines are fetched in pairs

struct alignas(kFalseSharing) OwnMutex {
  pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
};

pthread_mutex_t g_mutex = PTHREAD_MUTEX_INITIALIZER;
pthread_rwlock_t g_rwlock = PTHREAD_RWLOCK_INITIALIZER;
std::array<OwnMutex, 64> g_own;

void mutex_pair(pthread_mutex_t& mutex) {
  pthread_mutex_lock(&mutex);
  pthread_mutex_unlock(&mutex);
}

void alone(benchmark::State& state) {
  for (auto _ : state) mutex_pair(g_mutex);
}

void mutex(benchmark::State& state) {
  Company::of(static_cast<size_t>(state.range(0)));
  for (auto _ : state) mutex_pair(g_mutex);
}

void own_mutex(benchmark::State& state) {
  Company::of(1);
  const auto index = static_cast<size_t>(state.thread_index());
  pin_to(index);
  pthread_mutex_t& own = g_own[index].mutex;
  for (auto _ : state) mutex_pair(own);
}

void trylock(benchmark::State& state) {
  Company::of(1);
  for (auto _ : state) {
    pthread_mutex_trylock(&g_mutex);
    pthread_mutex_unlock(&g_mutex);
  }
}

void read_lock(benchmark::State& state) {
  Company::of(1);
  pin_to(static_cast<size_t>(state.thread_index()));
  for (auto _ : state) {
    pthread_rwlock_rdlock(&g_rwlock);
    pthread_rwlock_unlock(&g_rwlock);
  }
}

void write_lock(benchmark::State& state) {
  Company::of(1);
  for (auto _ : state) {
    pthread_rwlock_wrlock(&g_rwlock);
    pthread_rwlock_unlock(&g_rwlock);
  }
}

void nested_4(benchmark::State& state) {
  Company::of(1);
  for (auto _ : state) {
    for (int i = 0; i < 4; ++i) pthread_mutex_lock(&g_own[static_cast<size_t>(i)].mutex);
    for (int i = 3; i >= 0; --i) pthread_mutex_unlock(&g_own[static_cast<size_t>(i)].mutex);
  }
}

void recursive(benchmark::State& state) {
  Company::of(1);
  static std::recursive_mutex mutex;
  for (auto _ : state) {
    mutex.lock();
    mutex.unlock();
  }
}

// Taken again by the thread that has it: the pair inside.
void recursive_again(benchmark::State& state) {
  Company::of(1);
  static std::recursive_mutex mutex;
  const std::lock_guard outer(mutex);
  for (auto _ : state) {
    mutex.lock();
    mutex.unlock();
  }
}

void thousand_in_turn(benchmark::State& state) {
  Company::of(1);
  static std::array<pthread_mutex_t, 1000> mutexes;
  for (auto& one : mutexes) one = PTHREAD_MUTEX_INITIALIZER;
  size_t next = 0;
  for (auto _ : state) {
    mutex_pair(mutexes[next]);
    if (++next == mutexes.size()) next = 0;
  }
}

// With so many other locks held all the while.
void held(benchmark::State& state) {
  Company::of(1);
  const auto count = static_cast<size_t>(state.range(0));
  for (size_t i = 0; i < count; ++i) pthread_mutex_lock(&g_own[i].mutex);
  for (auto _ : state) mutex_pair(g_mutex);
  for (size_t i = count; i > 0; --i) pthread_mutex_unlock(&g_own[i - 1].mutex);
}

template <void (*Pair)(std::mutex&)>
void guarded(benchmark::State& state) {
  Company::of(1);
  static std::mutex mutex;
  for (auto _ : state) Pair(mutex);
}

template <void (*AtDepth)(int, void (*)(void*), void*), void (*Pair)(std::mutex&)>
void deep(benchmark::State& state) {
  AtDepth(
      12, [](void* argument) { guarded<Pair>(*static_cast<benchmark::State*>(argument)); }, &state);
}

BENCHMARK(alone);
BENCHMARK(mutex)->Arg(1)->Arg(100)->Arg(10'000);
BENCHMARK(own_mutex)->Threads(1)->Threads(2);
BENCHMARK(trylock);
BENCHMARK(read_lock)->Threads(1)->Threads(2);
BENCHMARK(write_lock);
BENCHMARK(nested_4);
BENCHMARK(recursive);
BENCHMARK(recursive_again);
BENCHMARK(thousand_in_turn);
BENCHMARK(held)->Arg(1)->Arg(4)->Arg(16)->Arg(64);
BENCHMARK_TEMPLATE(guarded, guarded_pair_O0)->Name("guarded_O0");
BENCHMARK_TEMPLATE(guarded, guarded_pair_O2)->Name("guarded_O2");
BENCHMARK_TEMPLATE(guarded, guarded_pair_O2_frame_pointers)->Name("guarded_O2_frame_pointers");
BENCHMARK_TEMPLATE(deep, at_depth_O0, guarded_pair_O0)->Name("deep_O0");
BENCHMARK_TEMPLATE(deep, at_depth_O2, guarded_pair_O2)->Name("deep_O2");
BENCHMARK_TEMPLATE(deep, at_depth_O2_frame_pointers, guarded_pair_O2_frame_pointers)->Name("deep_O2_frame_pointers");

}  // namespace

BENCHMARK_MAIN();
