// A hold that ends before the watch looks at it is still reported, at its release, as "late".
// RUN-ENV: HOLDWATCH_LIMIT=3s
// EXPECT: "holder"
// EXPECT-JSON: len(late) == 1 and len(over) == 0 and holder(late[0])["thread"] == "holder"
// EXPECT-JSON: holder(late[0])["held_ns"] >= 3000 * ms
// EXPECT-JSON: frame(holder(late[0])["taken"], "holds_it")["line"] == line("TAKEN HERE")
// NO-BARE: there is no watch to be stopped
#include "tests/programs/late.h"

#include <mutex>
using namespace harness;

std::mutex lock;

OWN_FRAME void holds_it(int tell, int listen) {
  char byte = 'x';
  std::lock_guard guard(lock);  // TAKEN HERE
  CHECK(write(tell, &byte, 1) == 1);
  CHECK(read(listen, &byte, 1) == 1);
}

int main(int argc, char** argv) {
  return miss_what_is_held(argc, argv, holds_it);
}
