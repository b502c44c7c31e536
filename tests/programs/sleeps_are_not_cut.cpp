// Looking at a blocked holder does not wake it: sleeps last as long, waits do not end with EINTR.
// RUN-ENV: HOLDWATCH_LIMIT=100ms
// EXPECT-JSON: held_by(over) == {"sleep", "nanosleep", "poll", "epoll", "select", "pause"}
#include <poll.h>
#include <sys/epoll.h>
#include <sys/select.h>

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

int main() {
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
  await_report("over", 6);
  for (Thread* thread : {&a, &b, &c, &d, &e, &f}) thread->join();
  for (const std::string& result : results) std::puts(result.c_str());
}
