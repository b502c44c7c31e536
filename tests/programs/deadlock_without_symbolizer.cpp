// Without the symbolizer the first line of a deadlock says the same, with the places as module+offset.
// SHIM: alone
// RUN-ENV: HOLDWATCH_LIMIT=300ms
// EXPECT: deadlock of 2 threads( for \d.*)?: \d+ "first" holds L1 and waits for L2, \d+ "second" holds L2 and waits for L1; no other waiters
// EXPECT: taken by \d+ .*deadlock_without_symbolizer\+0x
// NO-BARE: without a watch nothing would end it
#include "tests/programs/deadlock.h"
using namespace harness;

int main() {
  start_deadlock();
  const std::string path = "/proc/self/fd/2";
  while (read_file(path).find("taken by") == std::string::npos) pause_briefly();
  std::_Exit(0);
}
