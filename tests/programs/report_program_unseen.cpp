// The program that ON_REPORT runs is no child of the watched one: waiting for any child finds none, and no SIGCHLD comes.
// It has the report on its standard input.
// RUN-ENV: HOLDWATCH_LIMIT=200ms HOLDWATCH_ON_REPORT=exec:{tmp}/keep
// RUN-FILE: keep: #!/bin/sh
// RUN-FILE: keep: exec cat >> "$HARNESS_TMP/kept"
// EXPECT-FILE: kept: "phase":"over".*"thread":"holder"
// EXPECT-JSON: held_by(over) == {"holder"}
#include <sys/stat.h>
#include <sys/wait.h>

#include <csignal>

#include "tests/programs/harness.h"
using namespace harness;

std::atomic<int> announced{0};

int main() {
  if (is_watched()) CHECK(chmod(temporary_path("keep").c_str(), 0700) == 0);
  CHECK(std::signal(SIGCHLD, [](int) { ++announced; }) == SIG_DFL);
  hold_until_reported("holder");
  while (is_watched() && read_file(temporary_path("kept")).find("\"released\"") == std::string::npos) {
    CHECK(waitpid(-1, nullptr, WNOHANG) == -1 && errno == ECHILD);
    pause_briefly();
  }
  CHECK(waitpid(-1, nullptr, WNOHANG) == -1 && errno == ECHILD);
  std::printf("announced: %d\n", announced.load());
}
