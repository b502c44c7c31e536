// What a child of fork writes to its standard error through the shim, which remembers at start which file that is.
#pragma once

#include <fcntl.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include <functional>
#include <string>

#include "shim/own_threads/standard_error.h"
#include "tests/catch.h"

namespace holdwatch {

// What a child wrote to the pipe that was its descriptor 2 at start, and its exit status (128 + signal if killed).
struct Outcome {
  std::string text;
  int status;
  pid_t pid;
};

inline Outcome in_child(const std::function<int()>& body) {
  int ends[2];
  REQUIRE(pipe2(ends, O_CLOEXEC) == 0);
  const pid_t pid = fork();
  if (pid == 0) {
    dup2(ends[1], STDERR_FILENO);
    close(ends[0]);
    close(ends[1]);
    standard_error_start();
    _exit(body());
  }
  close(ends[1]);
  std::string text;
  char block[4096];
  for (ssize_t count; (count = read(ends[0], block, sizeof block)) > 0;) text.append(block, static_cast<size_t>(count));
  close(ends[0]);
  int status = 0;
  waitpid(pid, &status, 0);
  return {text, WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status), pid};
}

}  // namespace holdwatch
