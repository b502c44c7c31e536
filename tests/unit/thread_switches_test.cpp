// The rules of symbolizer/report/thread_switches.h.
#include "symbolizer/report/thread_switches.h"

#include <unistd.h>

#include "tests/catch.h"

using namespace holdwatch;

TEST_CASE("a thread that sleeps is counted to have gone off the processor") {
  const auto before = thread_switches(gettid());
  REQUIRE(before.has_value());
  usleep(1000);
  CHECK(thread_switches(gettid()).value() > *before);
}

TEST_CASE("a thread that is not there has no count") {
  CHECK_FALSE(thread_switches(0x7fffffff).has_value());
}
