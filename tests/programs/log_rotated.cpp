// A log file that was moved away is opened anew: what follows goes to the file that LOG names.
// RUN-ENV: HOLDWATCH_LIMIT=200ms HOLDWATCH_LOG={tmp}/report.txt
// EXPECT-FILE: report.txt.1: "before"
// EXPECT-FILE: report.txt: "after"
// EXPECT-JSON: len(over) == 2
#include <mutex>

#include "tests/programs/harness.h"
using namespace harness;

void report_once(const char* name, size_t number) {
  std::mutex lock;
  Event release;
  Thread holder(name, [&] {
    std::lock_guard guard(lock);
    release.wait();
  });
  await_report("over", number);
  release.fire();
  await_report("released", number);
}

int main() {
  const char* log = std::getenv("HOLDWATCH_LOG");
  report_once("before", 1);
  if (log != nullptr) CHECK(std::rename(log, (std::string(log) + ".1").c_str()) == 0);
  report_once("after", 2);
}
