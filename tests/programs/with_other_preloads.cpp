// Under allocators and other preloads, before us and after us: the program runs as ever, and its hold is reported. It
// allocates in many threads, in thread-local objects and across forks, at the very places where hooks meet.
// RUN-ENV: HOLDWATCH_LIMIT=200ms
// EXPECT-JSON: len(over) == 2 and held_by(over) == {"holder", "in child"}
// EXPECT-JSON: has(holder(over[0])["now"], "read")
#include <sys/wait.h>

#include <deque>
#include <memory>
#include <vector>

#include "tests/programs/harness.h"
using namespace harness;

struct OfThread {
  std::vector<std::unique_ptr<std::string>> texts;
  ~OfThread() { texts.clear(); }
};
thread_local OfThread of_thread;
pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

void allocate() {
  for (int round = 0; round < 2000; ++round) {
    CHECK(pthread_mutex_lock(&lock) == 0);
    of_thread.texts.push_back(std::make_unique<std::string>(static_cast<size_t>(round), 'x'));
    CHECK(pthread_mutex_unlock(&lock) == 0);
    if (of_thread.texts.size() > 50) of_thread.texts.erase(of_thread.texts.begin());
  }
}

int main() {
  for (int round = 0; round < 3; ++round) {
    std::deque<Thread> threads;
    for (int number = 0; number < 8; ++number) threads.emplace_back("allocates", allocate);
  }
  hold_until_reported("holder");
  const pid_t child = fork();
  if (child == 0) {
    { Thread thread("allocates", allocate); }
    hold_until_reported("in child");
    _exit(0);
  }
  int status = -1;
  CHECK(waitpid(child, &status, 0) == child);
  std::printf("child: %d\n", status);
}
