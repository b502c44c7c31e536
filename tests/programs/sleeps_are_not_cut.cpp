// Looking at a blocked holder does not wake it: sleeps last as long, waits do not end with EINTR.
// RUN-ENV: HOLDWATCH_LIMIT=100ms
// EXPECT-JSON: held_by(over) == {"sleep", "nanosleep", "poll", "epoll", "select", "pause"}
#include <poll.h>
#include <sys/epoll.h>
#include <sys/select.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <ctime>
#include <mutex>

#include "tests/programs/harness.h"
using namespace harness;

std::array<std::mutex, 6> locks;
std::array<std::string, 6> results;

template <typename Call>
void hold(size_t index, Call call) {
  std::lock_guard guard(locks[index]);
  errno = 0;
  const long result = call();
  results[index] = std::to_string(result) + " errno " + std::to_string(errno);
}

const std::array<const char*, 6> kNames = {"sleep", "nanosleep", "poll", "epoll", "select", "pause"};

bool all_are_reported() {
  return std::all_of(kNames.begin(), kNames.end(), [](const char* name) { return count_reports_of("over", name) > 0; });
}

void hold_each_for_a_second() {
  const int second = 1000;
  Thread a("sleep", [] { hold(0, [] { return long{sleep(1)}; }); });
  Thread b("nanosleep", [] {
    hold(1, [] {
      timespec left{1, 0};
      return long{nanosleep(&left, &left)};
    });
  });
  Thread c("poll", [] { hold(2, [] { return long{poll(nullptr, 0, second)}; }); });
  Thread d("epoll", [] {
    hold(3, [] {
      epoll_event event{};
      const int set = epoll_create1(EPOLL_CLOEXEC);
      const int ready = epoll_wait(set, &event, 1, second);
      close(set);
      return long{ready};
    });
  });
  Thread e("select", [] {
    hold(4, [] {
      timeval left{1, 0};
      return long{select(0, nullptr, nullptr, nullptr, &left)};
    });
  });
  // sigtimedwait may not be restarted after any handler: with a handled signal it would return EINTR.
  Thread f("pause", [] {
    hold(5, [] {
      sigset_t none;
      sigemptyset(&none);
      const timespec left{1, 0};
      return long{sigtimedwait(&none, nullptr, &left)};
    });
  });
}

// Once more where a busy machine has kept the watch from seeing one of the holds in time.
int main() {
  hold_each_for_a_second();
  const auto first = results;
  for (int round = 0; is_watched() && !all_are_reported(); ++round) {
    CHECK(round < 60);
    hold_each_for_a_second();
    CHECK(results == first);
  }
  for (const std::string& result : results) std::puts(result.c_str());
}
