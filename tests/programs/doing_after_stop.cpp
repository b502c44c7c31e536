// A sleep, or a wait with a timeout, that goes on after the process was stopped is in a system call of another number,
// restart_syscall: a report names the one that it resumes.
// RUN-ENV: HOLDWATCH_LIMIT=200ms HOLDWATCH_RATE=1000 HOLDWATCH_ONLY=all
// EXPECT-JSON: doing("sleeper", r"clock_nanosleep\(15 min\)") and doing("short", r"nanosleep\(15 min\)")
// EXPECT-JSON: doing("poller", r"poll\(no fds; timeout 15 min\)")
// EXPECT-JSON: doing("waiter", r"futex\(0x\w+, timeout 15 min\)")
#include <linux/futex.h>
#include <poll.h>
#include <sys/wait.h>

#include <csignal>
#include <list>
#include <mutex>

#include "tests/programs/harness.h"
using namespace harness;

constexpr timespec kLong = {900, 0};

// From a child, since a stopped process cannot continue itself.
void stop_and_continue() {
  const pid_t child = fork();
  CHECK(child >= 0);
  if (child == 0) {
    kill(getppid(), SIGSTOP);
    const std::string status = "/proc/" + std::to_string(getppid()) + "/status";
    while (read_file(status).find("T (stopped)") == std::string::npos) pause_briefly();
    kill(getppid(), SIGCONT);
    _exit(0);
  }
  CHECK(waitpid(child, nullptr, 0) == child);
}

int main() {
  const struct {
    const char* name;
    std::function<void()> block;
  } kinds[] = {
      {"sleeper", [] { clock_nanosleep(CLOCK_MONOTONIC, 0, &kLong, nullptr); }},
      {"short", [] { syscall(SYS_nanosleep, &kLong, nullptr); }},
      {"poller", [] { poll(nullptr, 0, 900'000); }},
      {"waiter",
       [] {
         unsigned word = 0;
         syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, 0, &kLong);
       }},
  };
  std::list<std::mutex> locks;
  std::list<Thread> holders;
  Event stopped;
  for (const auto& kind : kinds) {
    std::mutex& lock = locks.emplace_back();
    holders.emplace_back(kind.name, [&] {
      const std::lock_guard guard(lock);
      kind.block();
    });
  }
  const long calls[] = {SYS_clock_nanosleep, SYS_nanosleep, SYS_poll, SYS_futex};
  size_t i = 0;
  for (const Thread& holder : holders) holder.wait_until_blocked_in(calls[i++]);
  stop_and_continue();
  for (const Thread& holder : holders) holder.wait_until_blocked_in(SYS_restart_syscall);
  for (const auto& kind : kinds) await_report_of("still", kind.name, 1);
  std::fflush(stdout);
  _exit(0);
}
