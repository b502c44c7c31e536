// Nanoseconds per lock and unlock, for each kind, printed as "NAME NS" lines. compare.py runs it bare and watched by turns.
// A second thread is alive throughout unless the case says "alone": glibc skips atomic instructions in a process that
// never made one.
#include <pthread.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <mutex>
#include <shared_mutex>
#include <thread>

namespace {

constexpr int kPairs = 1'000'000;
constexpr int kRounds = 5;

template <typename Pair>
double best_ns(Pair pair) {
  double best = 1e9;
  for (int round = 0; round < kRounds; ++round) {
    const auto start = std::chrono::steady_clock::now();
    for (int i = 0; i < kPairs; ++i) pair();
    const std::chrono::duration<double, std::nano> took = std::chrono::steady_clock::now() - start;
    best = std::min(best, took.count() / kPairs);
  }
  return best;
}

template <typename Pair>
void print(const char* name, Pair pair) {
  std::printf("%s %.2f\n", name, best_ns(pair));
}

void mutex_pair(pthread_mutex_t& mutex) {
  pthread_mutex_lock(&mutex);
  pthread_mutex_unlock(&mutex);
}

void all_cases() {
  static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
  static pthread_mutex_t nested[4] = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_MUTEX_INITIALIZER, PTHREAD_MUTEX_INITIALIZER,
                                      PTHREAD_MUTEX_INITIALIZER};
  static pthread_rwlock_t rwlock = PTHREAD_RWLOCK_INITIALIZER;
  static std::recursive_mutex recursive;
  print("mutex", [] { mutex_pair(mutex); });
  print("trylock", [] {
    pthread_mutex_trylock(&mutex);
    pthread_mutex_unlock(&mutex);
  });
  print("read-lock", [] {
    pthread_rwlock_rdlock(&rwlock);
    pthread_rwlock_unlock(&rwlock);
  });
  print("write-lock", [] {
    pthread_rwlock_wrlock(&rwlock);
    pthread_rwlock_unlock(&rwlock);
  });
  print("4-nested", [] {
    for (auto& one : nested) pthread_mutex_lock(&one);
    for (auto& one : nested) pthread_mutex_unlock(&one);
  });
  print("recursive", [] { const std::lock_guard guard(recursive); });
}

}  // namespace

int main(int argc, char** argv) {
  if (argc > 1 && std::strcmp(argv[1], "alone") == 0) {
    static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
    print("mutex-alone", [] { mutex_pair(mutex); });
    return 0;
  }
  std::atomic<bool> done{false};
  std::thread second([&] { done.wait(false); });
  all_cases();
  done = true;
  done.notify_one();
  second.join();
}
