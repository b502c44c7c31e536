// The rules of say: one line, one write, only to the file that descriptor 2 was at start, and no trace in the program.
// Each case speaks in a child of fork, which may do with its descriptor 2 what it likes.
#include "shim/own_threads/standard_error.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <string>

#include "tests/catch.h"
#include "tests/unit/in_child.h"

namespace holdwatch {
namespace {

TEST_CASE("a line begins with the name and the pid, and ends in a newline") {
  const Outcome outcome = in_child([] { return print_message("hello") ? 0 : 1; });
  CHECK(outcome.status == 0);
  CHECK(outcome.text == "holdwatch[" + std::to_string(outcome.pid) + "]: hello\n");
}

TEST_CASE("a line stays one line, whatever bytes are in it") {
  const Outcome outcome =
      in_child([] { return print_message("a\nb\x1b[31mc\td \xc3\xa4 \x7f\xc2\x9b\xc2\xa0") ? 0 : 1; });
  CHECK(outcome.text ==
        "holdwatch[" + std::to_string(outcome.pid) + "]: a\\x0ab\\x1b[31mc\\x09d \xc3\xa4 \\x7f\\xc2\\x9b\xc2\xa0\n");
}

TEST_CASE("a line that is too long is cut, and still ends in a newline") {
  const Outcome outcome = in_child([] { return print_message(std::string(5000, 'x')) ? 0 : 1; });
  CHECK(outcome.status == 0);
  CHECK(outcome.text.size() < 4096);
  CHECK(outcome.text.substr(outcome.text.size() - 5) == "x...\n");
}

TEST_CASE("nothing is written to a file that has taken the place of descriptor 2") {
  const std::string path = "/tmp/holdwatch-say-test-" + std::to_string(getpid());
  const Outcome outcome = in_child([&] {
    close(STDERR_FILENO);
    if (open(path.c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0600) != STDERR_FILENO) return 2;
    if (print_message("lost")) return 1;
    return lseek(STDERR_FILENO, 0, SEEK_END) == 0 ? 0 : 3;
  });
  unlink(path.c_str());
  CHECK(outcome.status == 0);
  CHECK(outcome.text.empty());
}

TEST_CASE("nothing is written to another pipe or device of the same file system either") {
  const Outcome to_pipe = in_child([] {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) return 2;
    dup2(ends[1], STDERR_FILENO);
    return print_message("lost") ? 1 : 0;
  });
  CHECK(to_pipe.status == 0);
  const Outcome to_null = in_child([] {
    dup2(open("/dev/null", O_WRONLY | O_CLOEXEC), STDERR_FILENO);
    return print_message("lost") ? 1 : 0;
  });
  CHECK(to_null.status == 0);
}

TEST_CASE("a descriptor 2 that was closed at start stays silent when a file takes its number") {
  const Outcome outcome = in_child([] {
    close(STDERR_FILENO);
    standard_error_start();
    if (open("/dev/null", O_WRONLY | O_CLOEXEC) != STDERR_FILENO) return 2;
    return print_message("lost") ? 1 : 0;
  });
  CHECK(outcome.status == 0);
}

TEST_CASE("a reader that has gone does not kill the program, and leaves no signal behind") {
  const Outcome outcome = in_child([] {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) return 2;
    dup2(ends[1], STDERR_FILENO);
    standard_error_start();
    close(ends[0]);
    if (print_message("lost")) return 1;
    sigset_t pending;
    sigpending(&pending);
    return sigismember(&pending, SIGPIPE) == 1 ? 3 : 0;
  });
  CHECK(outcome.status == 0);
}

TEST_CASE("a SIGPIPE that the program itself has pending stays pending") {
  const Outcome outcome = in_child([] {
    sigset_t broken_pipe;
    sigemptyset(&broken_pipe);
    sigaddset(&broken_pipe, SIGPIPE);
    sigprocmask(SIG_BLOCK, &broken_pipe, nullptr);
    raise(SIGPIPE);
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) return 2;
    dup2(ends[1], STDERR_FILENO);
    standard_error_start();
    close(ends[0]);
    if (print_message("lost")) return 1;
    sigset_t pending;
    sigpending(&pending);
    return sigismember(&pending, SIGPIPE) == 1 ? 0 : 3;
  });
  CHECK(outcome.status == 0);
}

TEST_CASE("a pipe without a reader does not delay the program") {
  const Outcome outcome = in_child([] {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) return 2;
    dup2(ends[1], STDERR_FILENO);
    fcntl(STDERR_FILENO, F_SETFL, O_NONBLOCK);
    const std::string filler(4096, 'x');
    while (write(STDERR_FILENO, filler.data(), filler.size()) > 0) continue;
    fcntl(STDERR_FILENO, F_SETFL, 0);
    standard_error_start();
    alarm(20);  // kills the child if the line below waits for ever
    return print_message("lost") ? 1 : 0;
  });
  CHECK(outcome.status == 0);
}

TEST_CASE("errno and the signal mask are as they were") {
  const Outcome outcome = in_child([] {
    sigset_t before;
    sigset_t after;
    sigprocmask(SIG_BLOCK, nullptr, &before);
    errno = 4711;
    print_message("hello");
    close(STDERR_FILENO);
    print_message("lost");
    if (errno != 4711) return 1;
    sigprocmask(SIG_BLOCK, nullptr, &after);
    return sigismember(&before, SIGPIPE) == sigismember(&after, SIGPIPE) ? 0 : 2;
  });
  CHECK(outcome.status == 0);
}

}  // namespace
}  // namespace holdwatch
