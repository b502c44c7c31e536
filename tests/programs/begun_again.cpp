// Running threads are sampled as they enter calls that no handler may cut short, by syscall(2) too: none ends with EINTR.
// RUN-ENV: HOLDWATCH_LIMIT=5ms HOLDWATCH_RATE=1000000 HOLDWATCH_LOG=none
// EXPECT-JSON: sum(holder(event)["state"] == "running" for event in e) > 5
#include <poll.h>
#include <sys/syscall.h>

#include <deque>

#include "tests/programs/harness.h"
using namespace harness;

constexpr int kRounds = 60, kCalls = 40;

// Each time it runs for long enough to be sampled, and then begins to wait, for less long.
int count_cut_short(const std::function<long()>& call) {
  int count = 0;
  for (int i = 0; i < kCalls; ++i) {
    const auto until = std::chrono::steady_clock::now() + 400us;
    while (std::chrono::steady_clock::now() < until) continue;
    errno = 0;
    if (call() == -1 && errno == EINTR) ++count;
  }
  return count;
}

long poll_by_number() {
  return syscall(SYS_poll, nullptr, 0L, 1L);
}
long sleep_by_number() {
  const timespec time = {0, 100'000};
  return syscall(SYS_nanosleep, &time, nullptr);
}
long poll_by_name() {
  return poll(nullptr, 0, 1);
}

int main() {
  std::atomic<int> cut_short{0};
  std::deque<Thread> threads;
  for (const auto call : {poll_by_number, sleep_by_number, poll_by_name})
    threads.emplace_back("waits", [&, call] {
      static thread_local pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
      for (int round = 0; round < kRounds; ++round) {
        CHECK(pthread_mutex_lock(&lock) == 0);
        cut_short += count_cut_short(call);
        CHECK(pthread_mutex_unlock(&lock) == 0);
      }
    });
  threads.clear();
  std::printf("%d calls were cut short\n", cut_short.load());
}
