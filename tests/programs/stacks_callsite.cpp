// STACKS=callsite: the line of the acquisition comes from the recorded call sites alone, and the stack says that it
// is short.
// RUN-ENV: HOLDWATCH_LIMIT=200ms HOLDWATCH_STACKS=callsite
// EXPECT-JSON: frame(holder(over[0])["taken"], "takes_it")["line"] == line("TAKEN HERE")
// EXPECT-JSON: holder(over[0])["taken"]["complete"] or holder(over[0])["taken"]["note"]
#include <mutex>

#include "tests/programs/harness.h"
using namespace harness;

std::mutex lock;
Event release;

OWN_FRAME void takes_it() {
  std::lock_guard guard(lock);  // TAKEN HERE
  release.wait();
}

int main() {
  Thread holder("holder", takes_it);
  await_report("over");
  release.fire();
  await_report("released");
}
