// When a report says "probably a deadlock": never if a timeout will end it (common/contract/wait.h, report/wait_report.h).
#include "symbolizer/report/wait_report.h"
#include "tests/catch.h"

namespace holdwatch {
namespace {

constexpr uint64_t kSecond = 1'000'000'000;

// The holder waits for a condition; the one thread that has signalled it waits for the lock.
struct Scene {
  Holder holder{};
  Waiter waiter{};

  Scene() {
    holder.tid = 4711;
    holder.wait.known = true;
    holder.wait.kind = WaitKind::condition;
    holder.wait.ender_count = 1;
    holder.wait.enders[0] = {0, 4712, Evidence::learnt, ""};
    waiter.tid = 4712;
  }

  // A wait that lasts for a second and was made before for as long as that.
  void wait_in_slices(uint64_t timeouts, uint64_t repeated_ns) {
    holder.wait.has_timeout = true;
    holder.wait.timeouts = timeouts;
    holder.wait.repeated_ns = repeated_ns;
    holder.wait.slice_ns = kSecond;
  }

  bool is_called_one() {
    Finding finding{};
    finding.phase = Phase::over;
    finding.holders = &holder;
    finding.holder_count = 1;
    finding.waiters = &waiter;
    finding.waiter_count = 1;
    Report report;
    add_likely_cycle(finding, report);
    return !report.likely_cycle.empty();
  }
};

}  // namespace

TEST_CASE_METHOD(Scene, "who likely ends the holder's wait waits for the holder") {
  CHECK(is_called_one());
  waiter.tid = 4713;
  CHECK_FALSE(is_called_one());
}

TEST_CASE_METHOD(Scene, "a timeout ends the holder's wait") {
  holder.wait.has_timeout = true;
  CHECK_FALSE(is_called_one());
}

TEST_CASE_METHOD(Scene, "a timeout ends the wait of the one who can end the holder's") {
  waiter.has_timeout = true;
  CHECK_FALSE(is_called_one());
}

TEST_CASE_METHOD(Scene, "a wait in slices ends by none of its timeouts") {
  wait_in_slices(3, 4 * kSecond);
  CHECK(is_called_one());
}

TEST_CASE_METHOD(Scene, "a wait that may be one of a few attempts ends by its timeout") {
  wait_in_slices(2, 60 * kSecond);
  CHECK_FALSE(is_called_one());
  wait_in_slices(3, 4 * kSecond - 1);
  CHECK_FALSE(is_called_one());
  wait_in_slices(3, 4 * kSecond);
  holder.wait.slice_ns = 0;  // not known
  CHECK_FALSE(is_called_one());
}

TEST_CASE_METHOD(Scene, "a reader that waits behind a reader waits for a writer, which may give up") {
  holder.access = waiter.access = Access::shared;
  CHECK_FALSE(is_called_one());
  waiter.access = Access::exclusive;
  CHECK(is_called_one());
}

}  // namespace holdwatch
