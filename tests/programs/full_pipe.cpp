// Standard error is a pipe that nobody reads, and it is full: the program goes on, nobody waits for the pipe, and what was
// lost is counted and said when there is room.
// RUN-ENV: HOLDWATCH_LIMIT=100ms HOLDWATCH_ONLY=all
// EXPECT-JSON: held_by(over) == {"first", "second", "third"}
#include <fcntl.h>

#include "tests/programs/harness.h"
using namespace harness;

// Starts itself anew with such a pipe, for we write only to the standard error that a program started with.
void start_with_full_pipe(char* program) {
  int ends[2];
  CHECK(pipe(ends) == 0 && fcntl(ends[1], F_SETPIPE_SZ, 4096) == 4096 && fcntl(ends[1], F_SETFL, O_NONBLOCK) == 0);
  const std::string block(4096, '.');
  while (write(ends[1], block.data(), block.size()) > 0) {
  }
  CHECK(fcntl(ends[1], F_SETFL, 0) == 0 && dup2(ends[1], STDERR_FILENO) == STDERR_FILENO && close(ends[1]) == 0);
  execl("/proc/self/exe", program, std::to_string(ends[0]).c_str(), nullptr);
}

int main(int count, char** arguments) {
  if (count == 1) start_with_full_pipe(arguments[0]);
  hold_until_reported("first");
  hold_until_reported("second");
  std::string all;
  Thread reads("reads", [&] {
    char part[4096];
    const int end = std::atoi(arguments[1]);
    for (ssize_t size; (size = read(end, part, sizeof part)) > 0;) all.append(part, static_cast<size_t>(size));
  });
  reads.wait_until_blocked_in(SYS_read);  // it has emptied the pipe
  hold_until_reported("third");
  close(STDERR_FILENO);
  reads.join();
  if (is_watched()) {
    CHECK(all.find("could not be written to stderr") != std::string::npos);
    CHECK(all.find("\"third\" has held") != std::string::npos);
  }
  std::puts("done");
}
