// Looking at a blocked holder, again and again, does not so much as wake it: the kernel counts that it has been away from
// the processor once, from the beginning to the end.
// RUN-ENV: HOLDWATCH_LIMIT=100ms HOLDWATCH_ONLY=all
// EXPECT-JSON: held_by(over) == {"read", "poll", "epoll", "select", "sigwait", "condition"} == held_by(still)
// EXPECT-JSON: all(holder(event)["state"] == "blocked" for event in over + still)
#include <poll.h>
#include <sys/epoll.h>
#include <sys/select.h>

#include <array>
#include <condition_variable>
#include <csignal>
#include <deque>
#include <mutex>

#include "tests/programs/harness.h"
using namespace harness;

int ends[2];  // of a pipe, whose closing ends all that wait for it
constexpr int kLongMs = 60'000;
std::array<std::mutex, 6> locks;
std::mutex of_condition;
std::condition_variable condition;
bool happened = false;

void wait_by_read() {
  char byte;
  CHECK(read(ends[0], &byte, 1) == 0);
}

void wait_by_poll() {
  pollfd wanted{ends[0], POLLIN, 0};
  CHECK(poll(&wanted, 1, kLongMs) == 1);
}

void wait_by_epoll() {
  epoll_event event{EPOLLIN, {}};
  const int set = epoll_create1(EPOLL_CLOEXEC);
  CHECK(epoll_ctl(set, EPOLL_CTL_ADD, ends[0], &event) == 0 && epoll_wait(set, &event, 1, kLongMs) == 1);
  close(set);
}

void wait_by_select() {
  timeval left{kLongMs / 1000, 0};
  fd_set wanted;
  FD_ZERO(&wanted);
  FD_SET(ends[0], &wanted);
  CHECK(select(ends[0] + 1, &wanted, nullptr, nullptr, &left) == 1);
}

void wait_by_sigwait() {
  sigset_t wanted;
  sigemptyset(&wanted);
  sigaddset(&wanted, SIGUSR1);
  const timespec left{kLongMs / 1000, 0};
  CHECK(sigtimedwait(&wanted, nullptr, &left) == SIGUSR1);
}

void wait_by_condition() {
  std::unique_lock guard(of_condition);
  condition.wait(guard, [] { return happened; });
}

// How often the thread has given up the processor.
long times_blocked(const Thread& thread) {
  const std::string status = read_file("/proc/self/task/" + std::to_string(thread.tid()) + "/status");
  const char* field = "\nvoluntary_ctxt_switches:";
  return std::strtol(status.c_str() + status.find(field) + std::string(field).size(), nullptr, 10);
}

int main() {
  CHECK(pipe2(ends, O_CLOEXEC) == 0);
  sigset_t blocked;
  sigemptyset(&blocked);
  sigaddset(&blocked, SIGUSR1);
  CHECK(pthread_sigmask(SIG_BLOCK, &blocked, nullptr) == 0);
  std::deque<Thread> holders;
  const auto hold = [&](const char* name, long call, void (*wait)()) {
    std::mutex& lock = locks[holders.size()];
    holders.emplace_back(name, [&lock, wait] {
      std::lock_guard guard(lock);
      wait();
    });
    holders.back().wait_until_blocked_in(call);
  };
  hold("read", SYS_read, wait_by_read);
  hold("poll", SYS_poll, wait_by_poll);
  hold("epoll", SYS_epoll_wait, wait_by_epoll);
  hold("select", SYS_pselect6, wait_by_select);
  hold("sigwait", SYS_rt_sigtimedwait, wait_by_sigwait);
  hold("condition", SYS_futex, wait_by_condition);
  std::array<long, 6> before;
  for (size_t index = 0; index < before.size(); ++index) before[index] = times_blocked(holders[index]);
  await_report("over", 6);
  await_report("still", 12);
  for (size_t index = 0; index < before.size(); ++index)
    std::printf("holder %zu was woken %ld times\n", index, times_blocked(holders[index]) - before[index]);
  close(ends[1]);
  CHECK(pthread_kill(holders[4].handle(), SIGUSR1) == 0);
  {
    std::lock_guard guard(of_condition);
    happened = true;
  }
  condition.notify_one();
}
