// LOG=PATH: the text goes there, %p is the process's number, and standard error is left to the program.
// RUN-ENV: HOLDWATCH_LIMIT=200ms HOLDWATCH_LOG={tmp}/report.%p.%e.txt
// FORBID: .
// EXPECT-FILE: report.[0-9]*.log_to_file.txt: ^holdwatch\[\d+\]: thread \d+ "holder" has held mutex
// EXPECT-FILE: report.[0-9]*.log_to_file.txt: ^holdwatch\[\d+\]: L1 released
// EXPECT-JSON: len(over) == 1
#include "tests/programs/harness.h"
using namespace harness;

int main() {
  hold_until_reported("holder");
}
