// How long a holder has been in its own wait: in a condition wait or a join since that call began; in any other wait since an
// earlier report, if it has not run in between.
// RUN-ENV: HOLDWATCH_LIMIT=300ms HOLDWATCH_ONLY=all
// EXPECT: now +in a condition wait on 0x\w+, for \d
// EXPECT-JSON: all(0 < waited(thread, "over") <= held_ns(thread, "over") for thread in ("in_condition", "in_join"))
// EXPECT-JSON: waited("in_semaphore", "over") == waited("wakes_up", "over") == 0
// EXPECT-JSON: any(0 < h["wait"]["waited_ns"] < h["held_ns"] for event in still for h in event["holders"]
//     if h["thread"] == "in_semaphore")
// EXPECT-JSON: waited("in_condition", "over") < waited("in_condition", "still")
// EXPECT-JSON: waited("wakes_up", "still") == 0
#include <semaphore.h>

#include <atomic>
#include <condition_variable>
#include <list>
#include <mutex>

#include "tests/programs/harness.h"
using namespace harness;

namespace {

std::list<Thread> g_holders;

void start(const char* name, std::function<void()> wait) {
  g_holders.emplace_back(name, [wait] {
    std::mutex own;
    const std::lock_guard guard(own);
    wait();
  });
}

// After a call, so that no compiler makes it a jump.
void wait_for(sem_t& semaphore) {
  CHECK(sem_wait(&semaphore) == 0);
}

// Whether a later report knows how long this thread has waited for its semaphore. The report's time may be before the one at
// which the first was made, if the machine is busy.
bool knows_since_when(const std::string& name) {
  const std::string wait = R"("kind":"semaphore")", waited = R"("waited_ns":)";
  const std::string text = read_file(std::getenv("HOLDWATCH_JSON"));
  for (size_t start = 0, end; (end = text.find('\n', start)) != std::string::npos; start = end + 1) {
    const std::string line = text.substr(start, end - start);
    const size_t value = line.find(waited, line.find(wait)) + waited.size();
    if (line.find(R"("thread":")" + name + '"') == std::string::npos || line.find(wait) == std::string::npos) continue;
    if (line.at(value) != '0') return true;
  }
  return false;
}

}  // namespace

int main() {
  std::mutex mutex;
  std::condition_variable condition;
  sem_t never, turns;
  sem_init(&never, 0, 0);
  sem_init(&turns, 0, 0);
  std::atomic<int> turns_taken{0};
  Thread joined("joined", [] {
    while (true) pause();
  });
  start("in_condition", [&] {
    std::unique_lock lock(mutex);
    while (true) condition.wait(lock);
  });
  start("in_join", [&] { pthread_join(joined.handle(), nullptr); });
  start("in_semaphore", [&] { wait_for(never); });
  start("wakes_up", [&] {
    for (; true; ++turns_taken) wait_for(turns);
  });
  const char* const names[] = {"in_condition", "in_join", "in_semaphore", "wakes_up"};
  for (const char* name : names) await_report_of("over", name, 1);
  sem_post(&turns);
  while (turns_taken == 0) usleep(1000);
  for (const char* name : names) await_report_of("still", name, 1);
  while (is_watched() && !knows_since_when("in_semaphore")) pause_briefly();
  std::fflush(stdout);
  _exit(0);
}
