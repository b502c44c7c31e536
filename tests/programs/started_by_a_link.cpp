// A program that is started by a link to its file is known by the link's name: in the path of the log, in reports and to EXE.
// RUN-ENV: HOLDWATCH_LIMIT=100ms HOLDWATCH_EXE=the_link HOLDWATCH_LOG={tmp}/%e.txt
// EXPECT-FILE: the_link.txt: report .*, the_link, episode
// EXPECT-JSON: over[0]["exe"].endswith("/the_link")
#include <climits>
#include <string>

#include "tests/programs/harness.h"
using namespace harness;

int main(int count, char** /*words*/) {
  if (count > 1) {
    hold_until_reported("holder");
    return 0;
  }
  const std::string link = std::string(getenv("HARNESS_TMP")) + "/the_link";
  unlink(link.c_str());
  char file[PATH_MAX] = "";
  CHECK(readlink("/proc/self/exe", file, sizeof file - 1) > 0);
  CHECK(symlink(file, link.c_str()) == 0);
  execl(link.c_str(), "the_link", "again", nullptr);
  return 1;
}
