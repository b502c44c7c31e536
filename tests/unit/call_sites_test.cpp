#include "shim/record/call_sites.h"

#include <vector>

#include "tests/catch.h"
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
  CHECK(site_of(0x55d0c8123456).kind == SiteKind::unseen);
  CHECK_FALSE(site_stays(0x55d0c8123456));
  note_that_site_stays(0x55d0c8123456, kTrustedAfter - 1);
  CHECK(site_of(0x55d0c8123456).kind == SiteKind::unseen);
  note_site(0x55d0c8123456, SiteKind::stays);
  CHECK(site_of(0x55d0c8123456).kind == SiteKind::stays);
  CHECK(site_stays(0x55d0c8123456));
  CHECK(site_of(0x55d0c8123457).kind == SiteKind::unseen);
}

TEST_CASE_METHOD(NoSiteIsKnown, "what is known of a site only grows: a frame that returned once may return again") {
  note_site(0x401000, SiteKind::returns);
  note_site(0x401000, SiteKind::stays);
  CHECK(site_of(0x401000).kind == SiteKind::returns);
  note_site(0x401000, SiteKind::copies);
  note_site(0x401000, SiteKind::returns);
  CHECK(site_of(0x401000).kind == SiteKind::copies);
  CHECK_FALSE(site_stays(0x401000));
}

TEST_CASE_METHOD(NoSiteIsKnown, "a site from which few holds come in a while does not settle") {
  for (const auto kind : {SiteKind::stays, SiteKind::returns}) {
    const uintptr_t pc = kind == SiteKind::stays ? 0x401000 : 0x402001;
    for (int i = 0; i < 20; ++i) {
      note_site(pc, kind, 3);
      for (uint64_t more = 1; more < kTrustedAfter / 2; ++more) note_site(pc, SiteKind::stays);
      CHECK_FALSE(site_of(pc).is_settled);
      forget_half_of_sites(false);
    }
    note_that_site_stays(pc);
    CHECK(site_of(pc).is_settled);
  }
  CHECK(site_of(0x402001).links == 3);
}

TEST_CASE_METHOD(NoSiteIsKnown, "a site that was trusted has to show now and then that many holds come from there") {
  note_that_site_stays(0x401000);
  note_site(0x402001, SiteKind::copies);
  forget_half_of_sites(false);
  CHECK(site_stays(0x401000));
  forget_half_of_sites(true);
  CHECK_FALSE(site_of(0x401000).is_settled);
  note_that_site_stays(0x401000, kTrustedAfter / 2);
  CHECK(site_stays(0x401000));
  CHECK(site_of(0x402001).kind == SiteKind::copies);
}

TEST_CASE_METHOD(NoSiteIsKnown, "of a site that returns the most links are kept, until it has been seen often enough") {
  note_site(0x401000, SiteKind::stays);
  note_site(0x401000, SiteKind::returns, 3);
  note_site(0x401000, SiteKind::returns, 5);
  note_site(0x401000, SiteKind::returns, 4);
  CHECK(site_of(0x401000).links == 5);
  CHECK_FALSE(site_of(0x401000).is_settled);
  note_that_site_stays(0x401000, kTrustedAfter - 4);
  CHECK(site_of(0x401000).is_settled);
  CHECK(site_of(0x401000).kind == SiteKind::returns);
  note_site(0x401000, SiteKind::returns, 7);
  CHECK(site_of(0x401000).links == 5);
}

TEST_CASE_METHOD(NoSiteIsKnown, "where something is to be noted of every hold, no site is taken for one that stays") {
  note_that_site_stays(0x401000);
  note_every_site(true);
  note_that_site_stays(0x402001);
  for (const uintptr_t site : {0x401000u, 0x402001u}) {
    CHECK(site_of(site).kind == SiteKind::stays);
    CHECK_FALSE(site_stays(site));
  }
  note_every_site(false);
  CHECK(site_stays(0x402001));
}

TEST_CASE_METHOD(NoSiteIsKnown, "four sites of one entry are kept apart, and a fifth stays unseen") {
  const std::vector<uintptr_t> sites = rivals_of(0x7f0000001000, 5);
  for (const uintptr_t site : sites) note_that_site_stays(site);
  for (size_t i = 0; i < 4; ++i) CHECK(site_of(sites[i]).kind == SiteKind::stays);
  CHECK(site_of(sites[4]).kind == SiteKind::unseen);
  CHECK(site_stays(sites[0]));
  CHECK_FALSE(site_stays(sites[1]));
}

TEST_CASE_METHOD(NoSiteIsKnown, "a site that needs copies is kept though the table is full around it") {
  const std::vector<uintptr_t> sites = rivals_of(0x7f0000001000, 5);
  for (size_t i = 0; i < 4; ++i) note_site(sites[i], SiteKind::returns);
  note_site(sites[4], SiteKind::copies);
  CHECK(site_of(sites[4]).kind == SiteKind::copies);
  CHECK(site_of(sites[0]).kind == SiteKind::unseen);
}

TEST_CASE_METHOD(NoSiteIsKnown, "an address outside user space is not kept") {
  note_site(uintptr_t{1} << 48, SiteKind::stays);
  CHECK(site_of(uintptr_t{1} << 48).kind == SiteKind::unseen);
  CHECK(site_of(0).kind == SiteKind::unseen);
}

TEST_CASE_METHOD(NoSiteIsKnown, "stacks are copied on trial until a report has shown whether that is needed") {
  try_copies(0x401000);
  CHECK(site_of(0x401000).kind == SiteKind::unseen);
  allow_trials(true);
  try_copies(0x401000);
  CHECK(site_of(0x401000).kind == SiteKind::copies);
  note_site(0x401000, SiteKind::stays);  // a release learns nothing meanwhile
  CHECK(site_of(0x401000).kind == SiteKind::copies);
  end_trial(0x401000);
  CHECK(site_of(0x401000).kind == SiteKind::returns);

  try_copies(0x401000);
  note_site(0x401000, SiteKind::copies);
  end_trial(0x401000);
  CHECK(site_of(0x401000).kind == SiteKind::copies);
  end_trial(0x402000);
  CHECK(site_of(0x402000).kind == SiteKind::unseen);
  allow_trials(false);
}

}  // namespace
}  // namespace holdwatch
