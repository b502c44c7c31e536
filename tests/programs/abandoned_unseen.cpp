// A thread that takes a mutex by a pointer to libc's own function, and exits: the mutex names it, and it is no more.
// RUN-ENV: HOLDWATCH_LIMIT=300ms HOLDWATCH_WAIT_LIMIT=60s
// EXPECT: thread \d+ exited while holding mutex L1, .* \(limit 300 ms\); 1 thread waits
// EXPECT: a lock call was not seen: it was made through a pointer to libc's own function
// EXPECT-JSON: [(event["event"], event["phase"]) for event in e][:1] == [("abandoned", "over")]
// EXPECT-JSON: holder(over[0])["state"] == "gone" and holder(over[0])["evidence"] == "stated"
// EXPECT-JSON: waited_by(over) == {"waiter"} and over[0]["waiters"][0]["longest_ns"] >= 300 * ms
#include <dlfcn.h>

#include <cerrno>
#include <ctime>

#include "tests/programs/harness.h"
using namespace harness;

int main() {
  void* libc = dlopen("libc.so.6", RTLD_NOW);
  const auto lock = reinterpret_cast<int (*)(pthread_mutex_t*)>(dlsym(libc, "pthread_mutex_lock"));
  CHECK(lock != nullptr);
  pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
  Thread("careless", [&] { lock(&mutex); }).join();
  Thread waiter("waiter", [&] {
    timespec until{};
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += is_watched() ? 3600 : 0;
    CHECK(pthread_mutex_clocklock(&mutex, CLOCK_MONOTONIC, &until) == ETIMEDOUT);
  });
  if (!is_watched()) return 0;
  await_report("abandoned");
  await_words("a lock call was not seen");
  ::_exit(0);
}
