// Holders that wait for locks themselves, with more on their stacks than is copied: the live stacks are read, and shown, since the
// threads have not moved.
// RUN-ENV: HOLDWATCH_LIMIT=1h
// FORBID: the stack changed
// EXPECT-JSON: [event["event"] for event in e] == ["deadlock"]
// EXPECT-JSON: all(has(holder["now"], "wait_far_down") for holder in e[0]["holders"])
// NO-BARE: without a watch nothing would end it
#include "tests/programs/harness.h"
using namespace harness;

namespace {

constexpr size_t kMoreThanIsCopied = 200'000;
pthread_mutex_t one = PTHREAD_MUTEX_INITIALIZER, two = PTHREAD_MUTEX_INITIALIZER;
Event has_one, has_two;

OWN_FRAME void wait_far_down(pthread_mutex_t& wanted) {
  volatile char large[kMoreThanIsCopied];
  large[0] = 1;
  CHECK(pthread_mutex_lock(&wanted) == 0);
  large[1] = large[0];
}

}  // namespace

int main() {
  new Thread("first", [] {
    CHECK(pthread_mutex_lock(&one) == 0);
    has_one.fire();
    has_two.wait();
    wait_far_down(two);
  });
  new Thread("second", [] {
    CHECK(pthread_mutex_lock(&two) == 0);
    has_two.fire();
    has_one.wait();
    wait_far_down(one);
  });
  await_report("deadlock");
  std::_Exit(0);
}
