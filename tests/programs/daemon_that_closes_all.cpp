// A daemon as the books have it: forks twice, makes a session, closes every descriptor, and then starts its threads. It is
// watched, into the file that LOG names, and its own first files keep the numbers that they have without us.
// RUN-ENV: HOLDWATCH_LIMIT=200ms HOLDWATCH_LOG={tmp}/log
// EXPECT-FILE: log: "in daemon" has held
// EXPECT-JSON: held_by(e) == {"before", "in daemon"} and len({event["pid"] for event in e}) == 2
#include <fcntl.h>
#include <sys/wait.h>

#include "tests/programs/harness.h"
using namespace harness;

int main() {
  hold_until_reported("before");
  int answers[2];
  CHECK(pipe(answers) == 0);
  const pid_t child = fork();
  if (child == 0) {
    setsid();
    if (fork() != 0) _exit(0);
    CHECK(dup2(answers[1], 0) == 0);  // the only one that stays
    CHECK(syscall(SYS_close_range, 1, ~0U, 0) == 0);
    const std::string path = temporary_path("of the daemon");
    int numbers[3];
    for (int& number : numbers) number = open(path.c_str(), O_CREAT | O_RDWR, 0600);
    hold_until_reported("in daemon");
    char answer[100];
    const int length = std::snprintf(answer, sizeof answer, "files %d %d %d, bytes in them %zu\n", numbers[0],
                                     numbers[1], numbers[2], read_file(path).size());
    CHECK(write(0, answer, static_cast<size_t>(length)) == length);
    _exit(0);
  }
  close(answers[1]);
  int status;
  CHECK(waitpid(child, &status, 0) == child && status == 0);
  char answer[100] = "";
  CHECK(read(answers[0], answer, sizeof answer - 1) > 0);
  std::fputs(answer, stdout);
}
