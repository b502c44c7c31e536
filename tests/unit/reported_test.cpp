#include "shim/reporter/reported.h"

#include "tests/catch.h"

namespace holdwatch {
namespace {

Finding finding_of(uint64_t episode) {
  Finding finding{};
  finding.episode = episode;
  return finding;
}

TEST_CASE("a closing line counts waiters that a report has shown, even if no scan of the watcher saw them") {
  ReportedEpisodes told;
  Waiter waiters[2] = {};
  waiters[0].waited_ns = 30;
  waiters[1].waited_ns = 12;
  Finding over = finding_of(7);
  over.waiters = waiters;
  over.waiter_count = 2;
  over.waiters_left_out = 1;
  told.note(over);
  Finding released = finding_of(7);
  told.complete(released);
  CHECK(released.threads_delayed == 3);
  CHECK(released.lost_ns == 42);
  released.threads_delayed = 5;
  released.lost_ns = 100;
  told.complete(released);
  CHECK(released.threads_delayed == 5);
  CHECK(released.lost_ns == 100);
}

TEST_CASE("an episode whose report was suppressed, and an unknown one, have no reported waiters") {
  ReportedEpisodes told;
  CHECK_FALSE(told.has(7));
  told.note(7);
  CHECK(told.has(7));
  CHECK_FALSE(told.has(8));
  Waiter waiter{};
  waiter.waited_ns = 30;
  Finding over = finding_of(7);
  over.waiters = &waiter;
  over.waiter_count = 1;
  told.note(over);
  for (const uint64_t other : {8u, 7u + 1024u}) {
    Finding released = finding_of(other);
    told.complete(released);
    CHECK(released.threads_delayed == 0);
  }
  told.note(7 + 1024);
  CHECK_FALSE(told.has(7));
}

}  // namespace
}  // namespace holdwatch
