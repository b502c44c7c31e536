#include "shim/record/eager_sites.h"

#include <catch2/catch.hpp>

#include "shim/base/pulse.h"

namespace holdwatch {
namespace {

TEST_CASE("a site that was added is eager for good, and lock calls are told to look") {
  constexpr uintptr_t site = 0x55d0c8123456;
  const uint32_t extras = g_pulse.extras.exchange(0);
  add_eager_site(site);
  CHECK(is_eager_site(site));
  CHECK((g_pulse.extras.load() & kCopyAtSites) != 0);
  add_eager_site(site + 0x1000);
  CHECK(is_eager_site(site));
  g_pulse.extras = extras;
}

TEST_CASE("few of the sites that were never added are taken for eager, also near one that was") {
  for (uintptr_t site = 0x7f0000001000; site < 0x7f0000001000 + 10 * 16; site += 16) add_eager_site(site);
  int taken = 0;
  for (uintptr_t site = 0x7f0000002001; site < 0x7f0000002001 + 2'000 * 7; site += 7) taken += is_eager_site(site);
  CHECK(taken < 100);
}

}  // namespace
}  // namespace holdwatch
