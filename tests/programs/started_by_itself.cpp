// A program that starts itself anew through /proc/self/exe is known by its file: in the path of the log, in reports and to
// EXE. That link is no name: on every system it leads to another file.
// RUN-ENV: HOLDWATCH_LIMIT=100ms HOLDWATCH_EXE=started_by_itself HOLDWATCH_LOG={tmp}/%e.txt
// EXPECT-FILE: started_by_itself.txt: report .*, started_by_itself, episode
// EXPECT-JSON: over[0]["exe"].endswith("/started_by_itself") and not over[0]["exe"].startswith("/proc")
#include "tests/programs/harness.h"
using namespace harness;

int main(int count, char** /*words*/) {
  if (count > 1) {
    hold_until_reported("holder");
    return 0;
  }
  execl("/proc/self/exe", "/proc/self/exe", "again", nullptr);
  return 1;
}
