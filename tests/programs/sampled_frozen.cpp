// A holder that stays where it is all the time is said to be frozen, by all samples of its hold.
// RUN-ENV: HOLDWATCH_LIMIT=1s HOLDWATCH_ONLY=all
// EXPECT: samples frozen: same stack in all \d over \d[\d.]* s, in .*read.*, within harness::Event::wait
// EXPECT-JSON: holder(still[-1])["samples"]["frozen"] and holder(still[-1])["samples"]["captured"] >= 3
// EXPECT-JSON: holder(still[-1])["samples"]["running"] == 0
// EXPECT-JSON: all(function["samples"] == holder(still[-1])["samples"]["captured"] for function in holder(still[-1])["samples"]["functions"])
#include <mutex>

#include "tests/programs/harness.h"
using namespace harness;

bool has_three_samples() {
  const std::string text = read_file(std::getenv("HOLDWATCH_JSON"));
  for (const char* count : {"3,", "4,", "5,", "6,", "7,", "8,", "9,"})
    if (text.find(std::string("\"captured\":") + count) != std::string::npos) return true;
  return false;
}

int main() {
  std::mutex lock;
  Event release;
  Thread holder("holder", [&] {
    std::lock_guard guard(lock);
    release.wait();
  });
  while (is_watched() && !has_three_samples()) pause_briefly();
  release.fire();
  await_report("released");
}
