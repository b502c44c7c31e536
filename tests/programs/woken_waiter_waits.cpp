// A thread that was woken from a condition wait, and cannot take its mutex back, waits for that mutex like any other thread: the
// hold is reported for as long as it lasts, and the time that the thread lost is counted. One that still waits for the condition is
// not among the waiters.
// RUN-ENV: HOLDWATCH_LIMIT=150ms
// EXPECT: still held by \d+ "holder", .*; 1 thread waits
// EXPECT: ^holdwatch\[\d+\]: L\d+ released by \d+ "holder" after .*1 thread lost
// EXPECT-JSON: len(still) >= 2 and waited_by(still) == {"woken"}
// EXPECT-JSON: all(event["threads_delayed"] == 1 for event in still + released)
// EXPECT-JSON: still[-1]["waiters"][0]["longest_ns"] >= 150 * ms
// EXPECT-JSON: released[0]["lost_ns"] >= still[-1]["lost_ns"] >= 150 * ms
// EXPECT-JSON: has(still[-1]["waiters"][0]["stack"], "::wait_for_word")
#include <condition_variable>
#include <mutex>

#include "tests/programs/harness.h"
using namespace harness;

namespace {

std::mutex g_mutex;
std::condition_variable g_word;
std::condition_variable g_silence;
bool g_over = false;

OWN_FRAME void wait_for_word(std::condition_variable& condition) {
  std::unique_lock guard(g_mutex);
  condition.wait(guard);
  while (!g_over && &condition == &g_silence) condition.wait(guard);
}

}  // namespace

int main() {
  Event release;
  Thread woken("woken", [] { wait_for_word(g_word); });
  Thread asleep("asleep", [] { wait_for_word(g_silence); });
  woken.wait_until_blocked_on(g_word);
  asleep.wait_until_blocked_on(g_silence);
  Thread holder("holder", [&] {
    std::lock_guard guard(g_mutex);
    g_word.notify_one();
    woken.wait_until_blocked_on(g_mutex);
    release.wait();
    g_over = true;
    g_silence.notify_one();
  });
  await_report("still", 3);
  release.fire();
  await_report("released");
}
