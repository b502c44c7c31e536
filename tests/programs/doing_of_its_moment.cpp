// What a holder is doing is told from the memory and the descriptors of the moment at which its stack was captured: a report
// takes longer than the call lasts, and by then both are another call's.
// RUN-ENV: HOLDWATCH_LIMIT=20ms HOLDWATCH_RATE=10000
// EXPECT-JSON: not [event for event in over + still if re.match(r"read.*null|nanosleep.*77", holder(event)["doing"] or "")]
// EXPECT-JSON: any(re.search(r"timerfd|2 ms", holder(event)["doing"] or "") for event in over + still)
#include <fcntl.h>
#include <sys/timerfd.h>

#include <mutex>

#include "tests/programs/harness.h"
using namespace harness;

constexpr int kReused = 200;
constexpr long kTwoMs = 2'000'000;

// Two calls that block, each with what it refers to spoilt before and after.
void block_twice(int timer, int file) {
  const itimerspec once = {{0, 0}, {0, kTwoMs}};
  CHECK(dup2(timer, kReused) == kReused && timerfd_settime(timer, 0, &once, nullptr) == 0);
  uint64_t count;
  while (read(kReused, &count, sizeof count) != sizeof count) continue;
  CHECK(dup2(file, kReused) == kReused);

  static timespec time;
  time = {0, kTwoMs};
  syscall(SYS_nanosleep, &time, nullptr);
  time = {77, 0};
}

int main() {
  constexpr size_t kReports = 30;
  const int timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
  const int file = open("/dev/null", O_RDONLY | O_CLOEXEC);
  CHECK(timer >= 0 && file >= 0);
  std::atomic<bool> done{!is_watched()};
  Thread holder("holder", [&] {
    while (!done) {
      std::mutex lock;
      const std::lock_guard guard(lock);
      for (const auto start = std::chrono::steady_clock::now();
           std::chrono::steady_clock::now() < start + 60ms && !done;)
        block_twice(timer, file);
    }
  });
  await_report("over", kReports);
  done = true;
}
