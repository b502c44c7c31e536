// A log file that cannot be written gets one line with path and reason, and the report goes to standard error.
// RUN-ENV: HOLDWATCH_LIMIT=200ms HOLDWATCH_LOG=/nonexistent/directory/report.txt
// EXPECT: LOG.*/nonexistent/directory/report\.txt.*No such file
// EXPECT: thread \d+ "holder" has held mutex
// EXPECT-JSON: len(over) == 1
#include "tests/programs/harness.h"
using namespace harness;

int main() {
  hold_until_reported("holder");
}
