// A program that closes every descriptor it does not know, as daemons do, and opens files of its own: none of them may
// receive a byte of ours, although they have the numbers that our files had.
// RUN-ENV: HOLDWATCH_LIMIT=200ms HOLDWATCH_LOG={tmp}/report.txt
// EXPECT-JSON: held_by(over) >= {"before"}
#include <sys/stat.h>

#include <mutex>
#include <vector>

#include "tests/programs/harness.h"
using namespace harness;

int main() {
  std::mutex lock;
  {
    Event release;
    Thread holder("before", [&] {
      std::lock_guard guard(lock);
      release.wait();
    });
    await_report("over");
    release.fire();
    await_report("released");
  }
  CHECK(close_range(3, ~0u, 0) == 0);
  std::vector<int> files;
  for (int number = 0; number < 200; ++number) {
    const std::string path = temporary_path("data") + std::to_string(number);
    files.push_back(open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    CHECK(files.back() >= 3);
  }
  Thread("after", [&] {
    std::lock_guard guard(lock);
    sleep_past_limit();
  }).join();
  for (int file : files) {
    struct stat status {};
    CHECK(fstat(file, &status) == 0 && status.st_size == 0);
  }
}
