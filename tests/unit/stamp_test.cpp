#include "shim/record/stamp.h"

#include "shim/base/clock.h"
#include "shim/own_threads/seccomp_state.h"
#include "tests/catch.h"
#include "tests/unit/recorded_thread.h"

namespace holdwatch {
namespace {

constexpr uint64_t kTick = 4000;

TEST_CASE("a stamp is the tick, and the clock's time where calls are few") {
  take_exact_stamps();
  {
    const TickAt tick(kTick);
    CHECK(stamp_slow() == kTick);
    CHECK(take_exact_stamps() == 0);
  }
  allow_exact_stamps(1);
  const TickAt tick(kTick | kCallsAreFew);
  const uint64_t before_ns = monotonic_ns();
  const uint64_t stamp = stamp_slow();
  CHECK((stamp & kStampBits) == kExact);
  CHECK((stamp | kStampBits) >= before_ns);
  CHECK((stamp & ~uint64_t{kStampBits}) <= monotonic_ns());
  CHECK(take_exact_stamps() == 1);
}

TEST_CASE("before watching begins a stamp says only that") {
  const TickAt tick(kNoWatch);
  CHECK(stamp_slow() == kNoWatch);
}

TEST_CASE("under a system call filter the clock is not read") {
  const TickAt tick(kTick | kCallsAreFew);
  g_seccomp_state.on_program = 1;
  CHECK(stamp_slow() == (kTick | kCallsAreFew));
  g_seccomp_state.on_program = 0;
}

TEST_CASE("when there are no longer few calls, the rest use the tick") {
  constexpr uint32_t kMax = 10;
  allow_exact_stamps(kMax);
  const TickAt tick(kTick | kCallsAreFew);
  take_exact_stamps();
  for (uint32_t i = 0; i < kMax; ++i) stamp_slow();
  CHECK((stamp_slow() & kExact) != 0);
  CHECK(stamp_slow() == kTick);
  CHECK(take_exact_stamps() > kMax);
}

}  // namespace
}  // namespace holdwatch
