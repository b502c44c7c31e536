// Children made by vfork, posix_spawn, system, popen and fork, while a lock is being reported: each ends with its own
// status, is waited for once, and is announced by one SIGCHLD; there is no child and no zombie besides.
// RUN-ENV: HOLDWATCH_LIMIT=100ms
// EXPECT-JSON: held_by(over) == {"holder"} and len({event["pid"] for event in e}) == 1
#include <spawn.h>
#include <sys/wait.h>

#include <csignal>
#include <mutex>

#include "tests/programs/harness.h"
using namespace harness;

extern char** environ;
std::atomic<int> announced{0};

int wait_for_any() {
  int status = -1;
  pid_t child;
  while ((child = waitpid(-1, &status, 0)) < 0 && errno == EINTR) {
  }
  CHECK(child > 0 && WIFEXITED(status));
  return WEXITSTATUS(status);
}

int main() {
  struct sigaction action {};
  action.sa_handler = [](int) { ++announced; };
  action.sa_flags = SA_RESTART;
  CHECK(sigaction(SIGCHLD, &action, nullptr) == 0);
  std::mutex lock;
  Event release;
  Thread holder("holder", [&] {
    std::lock_guard guard(lock);
    release.wait();
  });
  await_report("over");
  char shell[] = "/bin/sh", option[] = "-c", three[] = "exit 3";
  char* const arguments[] = {shell, option, three, nullptr};
  const pid_t from_vfork = vfork();
  if (from_vfork == 0) {
    execv(shell, arguments);
    _exit(9);
  }
  std::printf("vfork: %d\n", wait_for_any());
  pid_t spawned;
  CHECK(posix_spawn(&spawned, shell, nullptr, nullptr, arguments, environ) == 0);
  std::printf("posix_spawn: %d\n", wait_for_any());
  std::printf("announced: %d\n", announced.load());
  std::printf("system: %d\n", WEXITSTATUS(system("exit 4")));
  FILE* pipe = popen("exit 5", "r");
  std::printf("popen: %d\n", WEXITSTATUS(pclose(pipe)));
  const pid_t forked = fork();
  if (forked == 0) _exit(6);
  std::printf("fork: %d\n", wait_for_any());
  CHECK(waitpid(-1, nullptr, WNOHANG) == -1 && errno == ECHILD);
  std::puts("no other child");
  release.fire();
  await_report("released");
}
