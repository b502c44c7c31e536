// A report's first line is out before any file is opened for the names in it: while the program's own file cannot be opened
// (fanotify(7) asks us, and we do not answer) the line comes all the same, and the rest follows it once it can.
// RUN-ENV: HOLDWATCH_LIMIT=200ms HOLDWATCH_LOG={tmp}/log
// EXPECT-FILE: log: ^holdwatch\[\d+\]: thread \d+ "holder" has held mutex L1 .*; no waiters\n
// EXPECT-JSON: len(over) == 1 and has(holder(over[0])["taken"], "hold_lock")
#include <sys/fanotify.h>

#include "tests/programs/harness.h"
using namespace harness;

namespace {

pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

OWN_FRAME void hold_lock(const Event& release) {
  CHECK(pthread_mutex_lock(&lock) == 0);
  release.wait();
  CHECK(pthread_mutex_unlock(&lock) == 0);
}

// Who opens the program's file from now on waits for us to answer.
int keep_file_closed() {
  const int group = fanotify_init(FAN_CLASS_CONTENT | FAN_CLOEXEC, O_RDONLY | O_CLOEXEC);
  if (group < 0 || fanotify_mark(group, FAN_MARK_ADD, FAN_OPEN_PERM, AT_FDCWD, "/proc/self/exe") != 0)
    skip("this user cannot have the opening of a file wait (fanotify)");
  return group;
}

void await_line_in(const char* path) {
  const auto give_up = std::chrono::steady_clock::now() + 10s;
  while (read_file(path).find('\n') == std::string::npos) {
    CHECK(std::chrono::steady_clock::now() < give_up);
    pause_briefly();
  }
}

}  // namespace

int main() {
  Event release;
  Thread holder("holder", [&] { hold_lock(release); });
  const int group = keep_file_closed();
  if (is_watched()) await_line_in(std::getenv("HOLDWATCH_LOG"));
  close(group);  // whoever waits for an answer may go on
  await_report("over");
  release.fire();
  await_report("released");
}
