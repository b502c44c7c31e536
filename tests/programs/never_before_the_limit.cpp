// A line never comes before the limit, whatever is known of when the hold began: in a process with few lock calls, which
// are stamped exactly, and in one with many, which are stamped with the watcher's tick.
// RUN-ENV: HOLDWATCH_LIMIT=100ms HOLDWATCH_RATE=1000
// EXPECT-JSON: len(over) == 16
#include "tests/programs/harness.h"
using namespace harness;

namespace {

constexpr auto kLimit = 100ms;
std::atomic<bool> stop{false};

void lock_again_and_again() {
  pthread_mutex_t own = PTHREAD_MUTEX_INITIALIZER;
  while (!stop) {
    for (int i = 0; i < 1000; ++i) {
      CHECK(pthread_mutex_lock(&own) == 0);
      CHECK(pthread_mutex_unlock(&own) == 0);
    }
    std::this_thread::sleep_for(1ms);
  }
}

// The `number`th hold of the process.
void hold_until_told(size_t number) {
  std::this_thread::sleep_for(std::chrono::milliseconds(7 * number));  // another moment between two ticks each time
  pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
  CHECK(pthread_mutex_lock(&lock) == 0);
  // What is found after this time was not found before the limit. Reports have whole milliseconds, cut off.
  const std::string limit_is_near = wall_clock_text(kLimit - 1ms);
  await_report("over", number);
  CHECK(!is_watched() || count_reports("over", limit_is_near) == 1);
  CHECK(pthread_mutex_unlock(&lock) == 0);
  await_report("released", number);
}

}  // namespace

int main() {
  {
    Thread begins_the_watch("begins", [] {});
  }
  std::this_thread::sleep_for(5 * kLimit);  // calls have been few for a while
  size_t number = 0;
  for (int i = 0; i < 8; ++i) hold_until_told(++number);
  Thread busy("busy", lock_again_and_again);
  for (int i = 0; i < 8; ++i) hold_until_told(++number);
  stop = true;
}
