// The borrowed signal: which one is taken, that nothing of it is left behind, and that none is ever deadly.
#include "shim/inspection/sampling_signal.h"

#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <vector>

#include "shim/common/contract/settings.h"
#include "tests/catch.h"
#include "tests/unit/upcalls.h"

using namespace holdwatch;

namespace {

std::atomic<int> g_arrived;
std::atomic<uint32_t> g_value;

void note_arrival(uint32_t value, ucontext_t*) {
  g_value = value;
  ++g_arrived;
}

struct NotedArrivals {
  const ArrivalsGoTo receiver{note_arrival};
};

void do_nothing(int) {}

int current_tid() {
  return static_cast<int>(syscall(SYS_gettid));
}

bool disposition_is_default(int signal) {
  struct sigaction action;
  return sigaction(signal, nullptr, &action) == 0 && action.sa_handler == SIG_DFL;
}

// The signals whose disposition is not the default.
std::vector<int> handled_signals() {
  std::vector<int> handled;
  for (int signal = SIGRTMIN; signal <= SIGRTMAX; ++signal) {
    if (!disposition_is_default(signal)) handled.push_back(signal);
  }
  return handled;
}

// How a child process that runs `body` ended, as waitpid tells.
template <typename Body>
int status_of_child(Body body) {
  const pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    body();
    _exit(0);
  }
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  return status;
}

void block(int signal, int how) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, signal);
  pthread_sigmask(how, &set, nullptr);
}

uint64_t bit_of(int signal) {
  return uint64_t{1} << (signal - 1);
}

}  // namespace

TEST_CASE_METHOD(NotedArrivals, "opening changes no disposition") {
  CHECK(signal_open(kSignalAuto));
  CHECK(handled_signals().empty());
}

TEST_CASE_METHOD(NotedArrivals, "a signal carries its value, and leaves the default disposition behind") {
  REQUIRE(signal_open(kSignalAuto));
  const int before = g_arrived;
  REQUIRE(signal_send(current_tid(), 0, 4711) == SamplingFailure::none);
  CHECK(g_arrived == before + 1);  // a signal to oneself is delivered before the system call returns
  CHECK(g_value == 4711);
  CHECK(handled_signals() == std::vector<int>{SIGRTMAX});
  signal_remove_handlers();
  CHECK(handled_signals().empty());
}

TEST_CASE_METHOD(NotedArrivals, "the handler stays as long as a signal is on its way, and it is not deadly") {
  const int status = status_of_child([] {
    signal_open(kSignalAuto);
    g_arrived = 0;
    block(SIGRTMAX, SIG_BLOCK);
    for (const uint32_t value : {1u, 2u}) {
      signal_send(current_tid(), 0, value);
      signal_remove_handlers();
      if (disposition_is_default(SIGRTMAX) || !signals_under_way()) _exit(1);
    }
    block(SIGRTMAX, SIG_UNBLOCK);
    if (g_arrived != 2) _exit(2);
    if (signals_under_way()) _exit(3);
    signal_remove_handlers();
    if (!disposition_is_default(SIGRTMAX)) _exit(4);
  });
  CHECK(status == 0);
}

TEST_CASE_METHOD(NotedArrivals, "a signal that the program uses is passed over") {
  REQUIRE(signal_open(kSignalAuto));
  std::signal(SIGRTMAX, do_nothing);
  std::signal(SIGRTMAX - 1, SIG_IGN);
  const SamplingFailure failure = signal_send(current_tid(), 0, 2);
  const std::vector<int> handled = handled_signals();
  signal_remove_handlers();
  std::signal(SIGRTMAX, SIG_DFL);
  std::signal(SIGRTMAX - 1, SIG_DFL);
  CHECK(failure == SamplingFailure::none);
  CHECK(handled == std::vector<int>{SIGRTMAX - 2, SIGRTMAX - 1, SIGRTMAX});
  CHECK(handled_signals().empty());
}

TEST_CASE_METHOD(NotedArrivals, "a signal that the program takes over while it is borrowed stays the program's") {
  const int status = status_of_child([] {
    signal_open(kSignalAuto);
    signal_send(current_tid(), 0, 3);
    std::signal(SIGRTMAX, do_nothing);
    signal_remove_handlers();
    struct sigaction action;
    sigaction(SIGRTMAX, nullptr, &action);
    if (action.sa_handler != do_nothing) _exit(1);
    if (signal_send(current_tid(), 0, 4) != SamplingFailure::none || g_value != 4) _exit(2);
    sigaction(SIGRTMAX, nullptr, &action);
    if (action.sa_handler != do_nothing) _exit(3);
  });
  CHECK(status == 0);
}

TEST_CASE_METHOD(NotedArrivals,
                 "a signal that the thread blocks is skipped, and without another the thread is not sampled") {
  REQUIRE(signal_open(kSignalAuto));
  REQUIRE(signal_send(current_tid(), bit_of(SIGRTMAX), 5) == SamplingFailure::none);
  CHECK(handled_signals() == std::vector<int>{SIGRTMAX - 1});
  signal_remove_handlers();
  CHECK(signal_send(current_tid(), UINT64_MAX, 6) == SamplingFailure::thread_blocks_signal);
  CHECK(handled_signals().empty());
}

TEST_CASE_METHOD(NotedArrivals, "the option's signal is used and no other") {
  const int wanted = SIGRTMIN + 3;
  REQUIRE(signal_open(wanted));
  REQUIRE(signal_send(current_tid(), 0, 7) == SamplingFailure::none);
  CHECK(handled_signals() == std::vector<int>{wanted});
  signal_remove_handlers();
  std::signal(wanted, do_nothing);
  CHECK(signal_send(current_tid(), 0, 8) == SamplingFailure::no_signal_free);
  CHECK_FALSE(signal_open(wanted));
  std::signal(wanted, SIG_DFL);
}

TEST_CASE_METHOD(NotedArrivals, "an ordinary signal is not accepted, for two of them may become one on their way") {
  CHECK_FALSE(signal_open(SIGUSR1));
  CHECK(signal_send(current_tid(), 0, 9) == SamplingFailure::no_signal_free);
}

TEST_CASE_METHOD(NotedArrivals, "switched off, nothing is sent") {
  CHECK_FALSE(signal_open(kSignalOff));
  CHECK(signal_send(current_tid(), 0, 10) == SamplingFailure::switched_off);
}

TEST_CASE_METHOD(NotedArrivals, "a thread that is gone is reported, and the signal given back") {
  REQUIRE(signal_open(kSignalAuto));
  CHECK(signal_send(0x3fffffff, 0, 11) == SamplingFailure::thread_gone);
  CHECK_FALSE(signals_under_way());
  signal_remove_handlers();
  CHECK(handled_signals().empty());
}

TEST_CASE_METHOD(NotedArrivals,
                 "a program that raises the signal itself gets the default action: its end by that signal") {
  const int status = status_of_child([] {
    signal_open(kSignalAuto);
    signal_send(current_tid(), 0, 12);  // not given back: the handler is still there
    raise(SIGRTMAX);
  });
  REQUIRE(WIFSIGNALED(status));
  CHECK(WTERMSIG(status) == SIGRTMAX);
}

TEST_CASE_METHOD(NotedArrivals, "a value like ours that was sent in another way is not taken for ours") {
  const int status = status_of_child([] {
    signal_open(kSignalAuto);
    signal_send(current_tid(), 0, 13);
    sigval value;
    value.sival_ptr = reinterpret_cast<void*>(uintptr_t{13});
    sigqueue(getpid(), SIGRTMAX, value);
  });
  REQUIRE(WIFSIGNALED(status));
  CHECK(WTERMSIG(status) == SIGRTMAX);
}

TEST_CASE_METHOD(NotedArrivals, "a child of fork that starts anew has the default dispositions again") {
  REQUIRE(signal_open(kSignalAuto));
  REQUIRE(signal_send(current_tid(), 0, 14) == SamplingFailure::none);
  const int status = status_of_child([] {
    signal_open(kSignalAuto);
    // The parent's handler is ours, and is given back when it is next used.
    signal_send(current_tid(), 0, 15);
    signal_remove_handlers();
    if (g_value != 15 || !handled_signals().empty()) _exit(1);
  });
  signal_remove_handlers();
  CHECK(status == 0);
}

TEST_CASE_METHOD(NotedArrivals, "in a child of fork nothing is on its way that its parent has sent") {
  const int status = status_of_child([] {
    signal_open(kSignalAuto);
    block(SIGRTMAX, SIG_BLOCK);
    signal_send(current_tid(), 0, 17);
    const int of_child = status_of_child([] {
      signal_open(kSignalAuto);
      if (signals_under_way() || !disposition_is_default(SIGRTMAX)) _exit(1);
    });
    if (of_child != 0 || !signals_under_way()) _exit(2);
  });
  CHECK(status == 0);
}

TEST_CASE_METHOD(NotedArrivals,
                 "if the kernel queues no more signals, nothing is sent, and the disposition is restored") {
  const int status = status_of_child([] {
    const rlimit none = {0, 0};
    setrlimit(RLIMIT_SIGPENDING, &none);
    signal_open(kSignalAuto);
    if (signal_send(current_tid(), 0, 18) != SamplingFailure::not_queued || signals_under_way()) _exit(1);
    signal_remove_handlers();
    if (!handled_signals().empty()) _exit(2);
  });
  CHECK(status == 0);
}

TEST_CASE_METHOD(NotedArrivals, "errno is the same before and after an arrival") {
  const ArrivalsGoTo failing([](uint32_t, ucontext_t*) { errno = EIO; });
  REQUIRE(signal_open(kSignalAuto));
  errno = ENOENT;
  const SamplingFailure failure = signal_send(current_tid(), 0, 16);
  const int error = errno;
  signal_remove_handlers();
  CHECK(failure == SamplingFailure::none);
  CHECK(error == ENOENT);
}

TEST_CASE_METHOD(NotedArrivals,
                 "another signal is due only if it is pending, handled, and was not blocked when ours came") {
  block(SIGUSR1, SIG_BLOCK);
  ucontext_t context{};
  sigemptyset(&context.uc_sigmask);
  CHECK_FALSE(another_signal_is_due(context));

  std::signal(SIGUSR1, do_nothing);
  raise(SIGUSR1);
  CHECK(another_signal_is_due(context));
  sigaddset(&context.uc_sigmask, SIGUSR1);
  CHECK_FALSE(another_signal_is_due(context));
  sigemptyset(&context.uc_sigmask);
  block(SIGUSR1, SIG_UNBLOCK);

  // Pending, but its default action interrupts no call: SIGURG is ignored.
  block(SIGURG, SIG_BLOCK);
  raise(SIGURG);
  CHECK_FALSE(another_signal_is_due(context));
  block(SIGURG, SIG_UNBLOCK);
  std::signal(SIGUSR1, SIG_DFL);
}
