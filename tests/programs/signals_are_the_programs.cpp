// Signals belong to the program: its masks and dispositions stay as they are, no thread of ours takes one of its signals,
// and every queued one arrives once and in its order, although the program uses them all and its holders are looked at.
// RUN-ENV: HOLDWATCH_LIMIT=100ms HOLDWATCH_ONLY=all
// EXPECT-JSON: held_by(over) >= {"runs", "in sigwait", "on signalfd"}
#include <sys/signalfd.h>

#include <csignal>
#include <mutex>
#include <vector>

#include "tests/programs/harness.h"
using namespace harness;

constexpr int kEach = 50;
std::atomic<int> received[NSIG];
std::atomic<int> out_of_order{0};
std::atomic<bool> stop{false};

void counts(int number, siginfo_t* info, void*) {
  if (info->si_value.sival_int != received[number].fetch_add(1)) ++out_of_order;
}

template <typename Wait>
void holds(Wait wait) {
  std::mutex lock;
  std::lock_guard guard(lock);
  wait();
}

void print_dispositions() {
  for (int number = 1; number < NSIG; ++number) {
    struct sigaction action {};
    if (number == 32 || number == 33 || sigaction(number, nullptr, &action) != 0) continue;
    if (action.sa_flags & SA_SIGINFO)
      std::printf("%d counts %x\n", number, static_cast<unsigned>(action.sa_flags));
    else if (action.sa_handler != SIG_DFL)
      std::printf("%d other\n", number);
  }
  sigset_t mask;
  CHECK(pthread_sigmask(SIG_SETMASK, nullptr, &mask) == 0);
  for (int number = 1; number < NSIG; ++number)
    if (sigismember(&mask, number) == 1) std::printf("blocked %d\n", number);
}

int main() {
  struct sigaction action {};
  action.sa_sigaction = counts;
  action.sa_flags = SA_SIGINFO | SA_RESTART;
  for (int number = SIGRTMIN; number <= SIGRTMAX; ++number) CHECK(sigaction(number, &action, nullptr) == 0);
  sigset_t all;
  sigfillset(&all);
  Thread runs("runs", [] {
    holds([] {
      while (!stop.load(std::memory_order_relaxed)) {
      }
    });
  });
  CHECK(pthread_sigmask(SIG_SETMASK, &all, nullptr) == 0);
  std::atomic<int> waited{0}, read_signal{0};
  Thread in_sigwait("in sigwait", [&] {
    holds([&] {
      int number = 0;
      CHECK(sigwait(&all, &number) == 0);
      waited = number;
    });
  });
  Thread on_signalfd("on signalfd", [&] {
    holds([&] {
      signalfd_siginfo info{};
      const int file = signalfd(-1, &all, SFD_CLOEXEC);
      CHECK(read(file, &info, sizeof info) == sizeof info);
      read_signal = static_cast<int>(info.ssi_signo);
      close(file);
    });
  });
  await_report("over", 3);
  // To the one thread that blocks nothing, while it is sampled again and again.
  for (int value = 0; value < kEach; ++value) {
    for (int number = SIGRTMIN; number <= SIGRTMAX; ++number) {
      while (pthread_sigqueue(runs.handle(), number, sigval{value}) == EAGAIN) pause_briefly();
    }
  }
  await_next_report("still");
  CHECK(pthread_kill(in_sigwait.handle(), SIGUSR1) == 0);
  in_sigwait.join();
  CHECK(pthread_kill(on_signalfd.handle(), SIGUSR2) == 0);
  on_signalfd.join();
  for (int number = SIGRTMIN; number <= SIGRTMAX; ++number)
    while (received[number] < kEach) pause_briefly();
  stop = true;
  runs.join();
  std::printf("waited %d, read %d, out of order %d\n", waited.load(), read_signal.load(), out_of_order.load());
  print_dispositions();
}
