// A log file that was moved away is opened anew: what follows goes to the file that LOG names.
// RUN-ENV: HOLDWATCH_LIMIT=200ms HOLDWATCH_LOG={tmp}/report.txt
// EXPECT-FILE: report.txt.1: "before"
// EXPECT-FILE: report.txt: "after"
// EXPECT-JSON: len(over) == 2
#include "tests/programs/harness.h"
using namespace harness;

int main() {
  const char* log = std::getenv("HOLDWATCH_LOG");
  hold_until_reported("before");
  if (log != nullptr) CHECK(std::rename(log, (std::string(log) + ".1").c_str()) == 0);
  hold_until_reported("after");
}
