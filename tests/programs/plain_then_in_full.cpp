// While the reporter is stuck in the program's own callback, two holds are told in plain words, of threads that have ended by
// then. Once it goes on again it tells what they did not, and says neither that nobody saw them nor a closing line twice.
// RUN-ENV: HOLDWATCH_LIMIT=200ms
// NO-BARE: the program waits for what is told of it
// EXPECT: "gone" has held mutex L2
// EXPECT: L2 released by \d+ "gone"
// EXPECT: "gone" held mutex L2 .* released before the full report
// EXPECT: 1 closing line of L1
// FORBID: detected only at release;

#include "shim/holdwatch.h"
#include "tests/programs/harness.h"
using namespace harness;

Event reported, go_on;

void sit(const char*, const char*, void*) {
  static std::atomic<bool> first{true};
  if (!first.exchange(false)) return;
  reported.fire();
  go_on.wait();
}

size_t count_words(const std::string& words) {
  std::string text(1 << 16, '\0');
  text.resize(static_cast<size_t>(std::max<ssize_t>(pread(STDERR_FILENO, text.data(), text.size(), 0), 0)));
  size_t count = 0;
  for (size_t at = text.find(words); at != std::string::npos; at = text.find(words, at + 1)) ++count;
  return count;
}

int main() {
  static pthread_mutex_t locks[2] = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_MUTEX_INITIALIZER};
  HOLDWATCH_ON_REPORT(sit, nullptr);
  Thread holder("holder", [] {
    CHECK(pthread_mutex_lock(&locks[0]) == 0);
    reported.wait();
    CHECK(pthread_mutex_unlock(&locks[0]) == 0);
  });
  reported.wait();
  Thread gone("gone", [] {
    CHECK(pthread_mutex_lock(&locks[1]) == 0);
    await_words("\"gone\" has held");
    CHECK(pthread_mutex_unlock(&locks[1]) == 0);
  });
  gone.join();
  await_words("L2 released by");
  go_on.fire();
  await_words("ended before it was seen");
  std::fprintf(stderr, "%zu closing line of L1\n", count_words("L1 released by"));
}
