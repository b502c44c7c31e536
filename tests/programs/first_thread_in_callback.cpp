// The first threads, and with them the watch, begin in a callback of dl_iterate_phdr, which has the list of modules locked. They
// run at once, and a fork does not wait for us; what they hold is told in short form, with the reason, until the callback returns.
// RUN-ENV: HOLDWATCH_LIMIT=200ms
// EXPECT: "holder" has held
// EXPECT: without names: .* held since before holdwatch started
// EXPECT: released by \d+ "holder"
// EXPECT-JSON: count(phase="over") == 1 and holder(over[0])["thread"] == "later"
#include <link.h>
#include <sys/wait.h>

#include "tests/programs/harness.h"
using namespace harness;

constexpr int kTimes = 3;  // the quickest counts: a busy machine may be slow once or twice
constexpr auto kTooLong = 500ms;

void fork_quickly() {
  int in_time = 0;
  for (int i = 0; i < kTimes; ++i) {
    const auto begin = std::chrono::steady_clock::now();
    const pid_t child = fork();
    if (child == 0) _exit(0);
    if (std::chrono::steady_clock::now() - begin < kTooLong) ++in_time;
    CHECK(waitpid(child, nullptr, 0) == child);
  }
  CHECK(in_time > 0);
}

int make_threads(dl_phdr_info*, size_t, void*) {
  static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
  Event begun;
  Thread holder("holder", [&] {
    CHECK(pthread_mutex_lock(&lock) == 0);
    begun.fire();
    await_words("held since before");
    CHECK(pthread_mutex_unlock(&lock) == 0);
    await_words("released by");
  });
  Thread other("other", [&] { begun.wait(); });
  fork_quickly();
  return 1;
}

int main() {
  dl_iterate_phdr(make_threads, nullptr);
  hold_until_reported("later");
  std::puts("done");
}
