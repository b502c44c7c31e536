// The rules of shim/base/unloads.h.
#include "shim/base/unloads.h"

#include <memory>

#include "shim/base/clock.h"
#include "tests/catch.h"

namespace holdwatch {
namespace {

TEST_CASE("an unload is known from its beginning to its end, and what lies between") {
  const uint64_t before_ns = monotonic_ns();
  uint64_t during_ns = 0;
  {
    const Unload unload;
    during_ns = monotonic_ns();
    CHECK(unloaded_between(during_ns, during_ns));
    CHECK(unloaded_between(during_ns + 1'000'000'000, during_ns + 2'000'000'000));  // it goes on
  }
  const uint64_t after_ns = monotonic_ns() + 1;
  CHECK(unloaded_between(before_ns, after_ns));
  CHECK(unloaded_between(during_ns, during_ns));
  CHECK_FALSE(unloaded_between(after_ns, after_ns + 1'000));
}

TEST_CASE("of what is longer ago than is kept it says yes") {
  const uint64_t before_ns = monotonic_ns();
  for (int i = 0; i < 200; ++i) const Unload unload;
  const uint64_t after_ns = monotonic_ns() + 1;
  CHECK(unloaded_between(before_ns, before_ns));
  CHECK_FALSE(unloaded_between(after_ns, after_ns));
}

TEST_CASE("another thread's unload that a fork interrupted does not last forever") {
  auto cut_off = std::make_unique<Unload>();
  CHECK(unloaded_between(monotonic_ns() + 1'000'000, UINT64_MAX));
  unloads_after_fork();
  CHECK_FALSE(unloaded_between(monotonic_ns() + 1, UINT64_MAX));
}

}  // namespace
}  // namespace holdwatch
