// Threads that sleep and wait in every way that a stop could cut short, each holding a lock that another wants, while
// they are looked at again and again. Prints "ready PID", and at its end one line for each call that did not go as it
// would have alone, or "unnoticed".
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/msg.h>
#include <sys/prctl.h>
#include <sys/sem.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace {

constexpr int kMilliseconds = 4000;
constexpr timespec kTime = {kMilliseconds / 1000, 0};
std::atomic<int> g_faults{0};
std::atomic<bool> g_end{false};

// A call that should end by its time-out and no other way.
struct Call {
  const char* name;
  std::function<bool()> ends_by_time;
};

bool timed_out(long result, int expected) {
  return result < 0 && errno == expected;
}

bool receive_in_vain() {
  int ends[2];
  socketpair(AF_UNIX, SOCK_STREAM, 0, ends);
  const timeval time = {kMilliseconds / 1000, 0};
  setsockopt(ends[0], SOL_SOCKET, SO_RCVTIMEO, &time, sizeof time);
  char byte;
  return timed_out(recv(ends[0], &byte, 1, 0), EAGAIN);
}

bool take_semaphore_in_vain() {
  const int set = semget(IPC_PRIVATE, 1, 0600);
  sembuf take = {0, -1, 0};
  const bool as_alone = timed_out(semtimedop(set, &take, 1, &kTime), EAGAIN);
  semctl(set, 0, IPC_RMID);
  return as_alone;
}

bool wait_for_signal_in_vain() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGUSR1);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  return timed_out(sigtimedwait(&signals, nullptr, &kTime), EAGAIN);
}

bool select_in_vain() {
  timeval time = {kMilliseconds / 1000, 0};
  return select(0, nullptr, nullptr, nullptr, &time) == 0;
}

bool epoll_in_vain(int milliseconds) {
  static const int epoll = epoll_create1(0);
  epoll_event event;
  return epoll_wait(epoll, &event, 1, milliseconds) == 0;
}

const Call kCalls[] = {
    {"nanosleep", [] { return nanosleep(&kTime, nullptr) == 0; }},
    {"clock_nanosleep", [] { return clock_nanosleep(CLOCK_MONOTONIC, 0, &kTime, nullptr) == 0; }},
    {"poll", [] { return poll(nullptr, 0, kMilliseconds) == 0; }},
    {"select", select_in_vain},
    {"epoll_wait", [] { return epoll_in_vain(kMilliseconds); }},
    {"semtimedop", take_semaphore_in_vain},
    {"sigtimedwait", wait_for_signal_in_vain},
    {"recv", receive_in_vain},
};

void fault(const std::string& what) {
  std::printf("%s\n", what.c_str());
  ++g_faults;
}

// Holds a mutex during the call; its time-out must neither come early nor be cut.
void make_call(const Call& call, std::mutex& mutex, std::atomic<bool>& held) {
  const std::lock_guard holding(mutex);
  held = true;
  const auto start = std::chrono::steady_clock::now();
  errno = 0;
  if (!call.ends_by_time()) fault(std::string(call.name) + " ended with errno " + std::to_string(errno));
  if (std::chrono::steady_clock::now() - start < std::chrono::milliseconds(kMilliseconds - 1)) {
    fault(std::string(call.name) + " ended early");
  }
}

// Runs and blocks by turns, so that a stop meant for a running thread may find it in a call.
void flicker(std::mutex& mutex, std::atomic<bool>& held) {
  const std::lock_guard holding(mutex);
  held = true;
  while (!g_end) {
    const auto busy_until = std::chrono::steady_clock::now() + std::chrono::microseconds(300);
    while (std::chrono::steady_clock::now() < busy_until) {
    }
    errno = 0;
    if (!epoll_in_vain(1)) fault("a short epoll_wait ended with errno " + std::to_string(errno));
  }
}

void want(std::mutex& mutex, const std::atomic<bool>& held) {
  while (!held) std::this_thread::yield();
  const std::lock_guard waiting(mutex);
}

}  // namespace

int main() {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  constexpr size_t kCount = std::size(kCalls);
  std::mutex mutexes[kCount + 1];
  std::atomic<bool> held[kCount + 1] = {};
  std::vector<std::thread> threads;
  std::thread flickering(flicker, std::ref(mutexes[kCount]), std::ref(held[kCount]));
  for (size_t i = 0; i <= kCount; ++i) threads.emplace_back(want, std::ref(mutexes[i]), std::cref(held[i]));
  for (size_t i = 0; i < kCount; ++i) {
    threads.emplace_back(make_call, std::cref(kCalls[i]), std::ref(mutexes[i]), std::ref(held[i]));
  }
  std::printf("ready %d\n", getpid());
  std::fflush(stdout);
  for (size_t i = kCount + 1; i < threads.size(); ++i) threads[i].join();
  g_end = true;
  flickering.join();
  for (size_t i = 0; i <= kCount; ++i) threads[i].join();
  if (g_faults == 0) std::puts("unnoticed");
  return g_faults == 0 ? 0 : 1;
}
