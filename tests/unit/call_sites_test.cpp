#include "shim/record/call_sites.h"

#include <catch2/catch.hpp>
#include <vector>

#include "tests/unit/no_site_is_known.h"

namespace holdwatch {
namespace {

// Addresses whose search begins at one entry.
std::vector<uintptr_t> rivals_of(uintptr_t pc, size_t count) {
  std::vector<uintptr_t> rivals;
  for (uintptr_t other = pc + 1; rivals.size() < count; ++other)
    if (first_site_entry(other) == first_site_entry(pc)) rivals.push_back(other);
  return rivals;
}

TEST_CASE_METHOD(NoSiteIsKnown, "a site is trusted to stay after many holds, not before") {
  CHECK(site_kind(0x55d0c8123456) == SiteKind::unseen);
  CHECK_FALSE(site_stays(0x55d0c8123456));
  note_that_site_stays(0x55d0c8123456, kTrustedAfter - 1);
  CHECK(site_kind(0x55d0c8123456) == SiteKind::unseen);
  note_site(0x55d0c8123456, SiteKind::stays);
  CHECK(site_kind(0x55d0c8123456) == SiteKind::stays);
  CHECK(site_stays(0x55d0c8123456));
  CHECK(site_kind(0x55d0c8123457) == SiteKind::unseen);
}

TEST_CASE_METHOD(NoSiteIsKnown, "what is known of a site only grows: a frame that returned once may return again") {
  note_site(0x401000, SiteKind::returns);
  note_site(0x401000, SiteKind::stays);
  CHECK(site_kind(0x401000) == SiteKind::returns);
  note_site(0x401000, SiteKind::copies);
  note_site(0x401000, SiteKind::returns);
  CHECK(site_kind(0x401000) == SiteKind::copies);
  CHECK_FALSE(site_stays(0x401000));
}

TEST_CASE_METHOD(NoSiteIsKnown, "four sites of one entry are kept apart, and a fifth stays unseen") {
  const std::vector<uintptr_t> sites = rivals_of(0x7f0000001000, 5);
  for (const uintptr_t site : sites) note_that_site_stays(site);
  for (size_t i = 0; i < 4; ++i) CHECK(site_kind(sites[i]) == SiteKind::stays);
  CHECK(site_kind(sites[4]) == SiteKind::unseen);
  CHECK(site_stays(sites[0]));
  CHECK_FALSE(site_stays(sites[1]));
}

TEST_CASE_METHOD(NoSiteIsKnown, "a site that needs copies is kept though the table is full around it") {
  const std::vector<uintptr_t> sites = rivals_of(0x7f0000001000, 5);
  for (size_t i = 0; i < 4; ++i) note_site(sites[i], SiteKind::returns);
  note_site(sites[4], SiteKind::copies);
  CHECK(site_kind(sites[4]) == SiteKind::copies);
  CHECK(site_kind(sites[0]) == SiteKind::unseen);
}

TEST_CASE_METHOD(NoSiteIsKnown, "an address that is none of user space is not kept") {
  note_site(uintptr_t{1} << 48, SiteKind::stays);
  CHECK(site_kind(uintptr_t{1} << 48) == SiteKind::unseen);
  CHECK(site_kind(0) == SiteKind::unseen);
}

}  // namespace
}  // namespace holdwatch
