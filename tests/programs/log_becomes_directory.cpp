// The log is removed, then a directory has its name: what cannot be written there is said on standard error, and when the
// directory is gone, the log is there again.
// RUN-ENV: HOLDWATCH_LIMIT=100ms HOLDWATCH_LOG={tmp}/log.txt HOLDWATCH_ONLY=all
// EXPECT: log.txt.*(directory|Is a directory)
// EXPECT-FILE: log.txt: "fourth" has held
// EXPECT-JSON: len(over) == 4
#include <sys/stat.h>

#include "tests/programs/harness.h"
using namespace harness;

int main() {
  const std::string log = temporary_path("log.txt");
  hold_until_reported("first");
  unlink(log.c_str());
  hold_until_reported("second");
  if (is_watched()) CHECK(read_file(log).find("\"second\" has held") != std::string::npos);
  unlink(log.c_str());
  CHECK(mkdir(log.c_str(), 0700) == 0);
  hold_until_reported("third");
  CHECK(rmdir(log.c_str()) == 0);
  hold_until_reported("fourth");
}
