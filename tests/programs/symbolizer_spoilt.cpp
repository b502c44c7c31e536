// A file stands where the symbolizer should, which the loader refuses: the one line about that has the loader's own words.
// SHIM: alone
// RUN-FILE: libholdwatch-symbolizer.so: This is no library, and long enough to be looked at as one: the loader reads a whole header.
// RUN-ENV: HOLDWATCH_LIMIT=200ms
// EXPECT: cannot load libholdwatch-symbolizer\.so beside \S+/libholdwatch\.so: \S+/libholdwatch-symbolizer\.so: (invalid ELF header|file too short);
// EXPECT: thread \d+ "holder" has held mutex
#include <mutex>

#include "tests/programs/harness.h"
using namespace harness;

int main() {
  std::mutex lock;
  Thread holder("holder", [&] {
    std::lock_guard guard(lock);
    sleep_past_limit();
  });
}
