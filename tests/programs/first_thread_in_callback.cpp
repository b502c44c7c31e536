// The first threads, and with them the watch, begin in a callback of dl_iterate_phdr, which has the list of modules locked. They
// run at once; what they hold is told in short form, with the reason, until the callback returns.
// RUN-ENV: HOLDWATCH_LIMIT=200ms
// EXPECT: "holder" has held
// EXPECT: without names: .* held since before the watch began
// EXPECT: released by \d+ "holder"
// EXPECT-JSON: count(phase="over") == 1 and holder(over[0])["thread"] == "later"
#include <link.h>

#include "tests/programs/harness.h"
using namespace harness;

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
  return 1;
}

int main() {
  dl_iterate_phdr(make_threads, nullptr);
  hold_until_reported("later");
  std::puts("done");
}
