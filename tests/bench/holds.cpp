// Holds that begin at random moments, to see how soon after the limit each is told: holds COUNT HOLD_MS KIND [busy|hot]. One
// thread holds a lock COUNT times, each time another one, and spends the time asleep (KIND sleeps) or working (runs); before
// each hold it waits for a random while. With `busy` two more threads do lock calls and little work all the while, as a
// server's do; with `hot` they take theirs by the same call as the holder. Prints for each hold "taken NS BEFORE_NS TID" in nanoseconds of CLOCK_MONOTONIC, read when the lock was had and just before the call.
#include <pthread.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <random>
#include <thread>

namespace {

constexpr int kMaxHolds = 256;
constexpr useconds_t kLongestPauseUs = 400'000;
constexpr useconds_t kLastReportUs = 1'000'000;  // the rest of the last report is out by then

pthread_mutex_t g_locks[kMaxHolds];

int64_t now_ns() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1'000'000'000 + now.tv_nsec;
}

void spend(int64_t until_ns, bool runs) {
  if (!runs) {
    usleep(static_cast<useconds_t>((until_ns - now_ns()) / 1000));
    return;
  }
  while (now_ns() < until_ns) {
  }
}

// The call of pthread_mutex_lock is one for all. Returns when the lock was had; `time_ns` 0: it is given up at once.
[[gnu::noinline]] int64_t hold(pthread_mutex_t* lock, int64_t time_ns, bool runs) {
  pthread_mutex_lock(lock);
  const int64_t taken_ns = time_ns == 0 ? 0 : now_ns();
  if (time_ns != 0) spend(taken_ns + time_ns, runs);
  pthread_mutex_unlock(lock);
  return taken_ns;
}

void report_hold(int number, int64_t time_ns, bool runs) {
  const int64_t before_ns = now_ns();
  std::printf("taken %ld %ld %ld\n", hold(&g_locks[number], time_ns, runs), before_ns, syscall(SYS_gettid));
}

[[noreturn]] void serve(bool by_the_same_call) {
  pthread_mutex_t own = PTHREAD_MUTEX_INITIALIZER;
  while (true) {
    for (int i = 0; i < 200; ++i) {
      if (by_the_same_call) {
        hold(&own, 0, false);
      } else {
        pthread_mutex_lock(&own);
        pthread_mutex_unlock(&own);
      }
    }
    usleep(1000);
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 4 || std::atoi(argv[1]) > kMaxHolds) {
    std::fprintf(stderr, "use: holds COUNT HOLD_MS sleeps|runs [busy|hot]; at most %d holds\n", kMaxHolds);
    return 2;
  }
  const int count = std::atoi(argv[1]);
  const int64_t time_ns = std::atol(argv[2]) * 1'000'000;
  const bool runs = std::strcmp(argv[3], "runs") == 0;
  for (auto& lock : g_locks) lock = PTHREAD_MUTEX_INITIALIZER;
  const bool hot = argc > 4 && std::strcmp(argv[4], "hot") == 0;
  for (int i = 0; i < (argc > 4 ? 2 : 0); ++i) std::thread(serve, hot).detach();
  std::thread([=] {
    std::mt19937 random(std::random_device{}());
    usleep(700'000);  // the watch has begun
    for (int number = 0; number < count; ++number) {
      usleep(std::uniform_int_distribution<useconds_t>(0, kLongestPauseUs)(random));
      report_hold(number, time_ns, runs);
    }
  }).join();
  std::fflush(stdout);
  usleep(kLastReportUs);
  std::_Exit(0);
}
