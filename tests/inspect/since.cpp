// On each processor a thread that holds a mutex in its sleep, and one that waits for it; each is named after the moment
// when it began, in microseconds of CLOCK_MONOTONIC_RAW. Prints "ready PID" and never ends by itself.
#include <pthread.h>
#include <sched.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <mutex>
#include <semaphore>
#include <string>
#include <thread>
#include <vector>

namespace {

void go_to(unsigned processor) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(processor, &set);
  sched_setaffinity(0, sizeof set, &set);
}

void take_name_of_this_moment() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC_RAW, &now);
  const std::string name = std::to_string(now.tv_sec * 1'000'000 + now.tv_nsec / 1000);
  pthread_setname_np(pthread_self(), name.c_str());
}

struct Pair {
  std::mutex mutex;
  std::binary_semaphore is_held{0};
};

void hold(Pair& pair, unsigned processor) {
  go_to(processor);
  take_name_of_this_moment();
  const std::lock_guard holding(pair.mutex);
  pair.is_held.release();
  for (;;) pause();
}

void wait(Pair& pair, unsigned processor) {
  go_to(processor);
  pair.is_held.acquire();
  take_name_of_this_moment();
  const std::lock_guard waiting(pair.mutex);
}

}  // namespace

int main() {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  std::vector<Pair> pairs(std::thread::hardware_concurrency());
  for (unsigned processor = 0; processor < pairs.size(); ++processor) {
    std::thread(hold, std::ref(pairs[processor]), processor).detach();
    std::thread(wait, std::ref(pairs[processor]), processor).detach();
  }
  std::printf("ready %d\n", getpid());
  std::fflush(stdout);
  for (;;) pause();
}
