// More holds than there is room for end before the watch looks at them: those left out are counted, in the text and in the
// JSON lines.
// RUN-ENV: HOLDWATCH_LIMIT=3s
// EXPECT: \d+ more holds over their limit were not reported: too many ended at once
// EXPECT-JSON: late and late[-1]["unreported_holds"] > 0
// EXPECT-JSON: len(late) + late[-1]["unreported_holds"] == 60
// NO-BARE: there is no watch to be stopped
#include "tests/programs/late.h"

#include <array>
using namespace harness;

constexpr size_t kRoom = 16;  // for what is to be reported (shim/handoff/report_request.h)
std::array<pthread_mutex_t, 60> locks;

void holds_them(int tell, int listen) {
  char byte = 'x';
  for (pthread_mutex_t& lock : locks) CHECK(pthread_mutex_lock(&lock) == 0);
  CHECK(write(tell, &byte, 1) == 1);
  CHECK(read(listen, &byte, 1) == 1);
  for (pthread_mutex_t& lock : locks) CHECK(pthread_mutex_unlock(&lock) == 0);
}

int main(int argc, char** argv) {
  return miss_what_is_held(argc, argv, holds_them, kRoom);
}
