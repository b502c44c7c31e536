// Threads that join one another in a circle, of which one gives up after a while, or only tries: no deadlock.
// RUN-ENV: HOLDWATCH_LIMIT=200ms
// EXPECT: thread \d+ "afterwards" has held
// FORBID: deadlock
// EXPECT-JSON: {event["event"] for event in e} == {"hold"}
#include <cerrno>
#include <ctime>

#include "tests/programs/harness.h"
using namespace harness;

namespace {

constexpr size_t kCircle = 3;

timespec in_a_while() {
  timespec time{};
  clock_gettime(CLOCK_REALTIME, &time);
  time.tv_nsec += 900'000'000;
  if (time.tv_nsec >= 1'000'000'000) ++time.tv_sec, time.tv_nsec -= 1'000'000'000;
  return time;
}

// The last one joins the first, as `join` does that.
void join_in_a_circle(int (*join)(pthread_t)) {
  Thread* circle[kCircle];
  Event all_are_there;
  for (size_t i = 0; i < kCircle; ++i)
    circle[i] = new Thread("circle", [&, i] {
      all_are_there.wait();
      const pthread_t next = circle[(i + 1) % kCircle]->handle();
      if (i + 1 == kCircle)
        CHECK(join(next) != 0);
      else
        CHECK(pthread_join(next, nullptr) == 0);
    });
  all_are_there.fire();
  CHECK(pthread_join(circle[0]->handle(), nullptr) == 0);
}

}  // namespace

int main() {
  join_in_a_circle([](pthread_t thread) {
    const timespec time = in_a_while();
    return pthread_timedjoin_np(thread, nullptr, &time);
  });
  join_in_a_circle([](pthread_t thread) { return pthread_tryjoin_np(thread, nullptr); });
  hold_until_reported("afterwards");
  std::fflush(stdout);
  std::_Exit(0);
}
