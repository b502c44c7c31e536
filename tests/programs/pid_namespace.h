// A child in a pid namespace of its own, as the first process of a container is; it has the id that the test wants.
#pragma once

#include <fcntl.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <string>

#include "tests/programs/harness.h"

namespace harness {

// The child of a fork, and all processes that it forks: killed at the end of the scope.
class Container {
 public:
  // `run` is called in a process with the id `pid` there. Skips the test where that is not allowed.
  Container(int pid, const std::function<void()>& run) {
    int results[2];
    CHECK(pipe2(results, O_CLOEXEC) == 0);
    outer_ = fork();
    if (outer_ == 0) enter(pid, run, results[1]);
    close(results[1]);
    char result = 0;
    const bool runs = read(results[0], &result, 1) == 1 && result == '+';
    close(results[0]);
    if (!runs) skip("no pid namespaces here, or no choice of an id in them");
  }
  // The end of a namespace's first process ends all others.
  ~Container() {
    kill(outer_, SIGKILL);
    waitpid(outer_, nullptr, 0);
  }
  Container(const Container&) = delete;
  Container& operator=(const Container&) = delete;

 private:
  [[noreturn]] static void enter(int pid, const std::function<void()>& run, int results) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (unshare(CLONE_NEWPID) != 0) ::_exit(1);
    const pid_t first = fork();
    if (first == 0) be_first(pid, run, results);
    close(results);
    prctl(PR_SET_NAME, "outside");
    waitpid(first, nullptr, 0);
    ::_exit(0);
  }

  [[noreturn]] static void be_first(int pid, const std::function<void()>& run, int results) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    const int last_id = open("/proc/sys/kernel/ns_last_pid", O_WRONLY | O_CLOEXEC);
    const std::string before = std::to_string(pid - 1);
    const bool is_chosen = write(last_id, before.data(), before.size()) == static_cast<ssize_t>(before.size());
    const pid_t child = is_chosen ? fork() : -1;
    if (child == 0) {
      if (getpid() != pid) ::_exit(1);
      CHECK(write(results, "+", 1) == 1);
      close(results);
      run();
      ::_exit(0);
    }
    close(results);
    while (child > 0) pause();
    ::_exit(1);
  }

  pid_t outer_;
};

}  // namespace harness
