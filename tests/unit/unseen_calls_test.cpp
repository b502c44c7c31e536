// The rules of symbolizer/report/unseen_calls.h.
#include "symbolizer/report/unseen_calls.h"

#include "tests/catch.h"

using namespace holdwatch;

namespace {

std::vector<std::string> none() {
  return {};
}
std::vector<std::string> plugin() {
  return {"/opt/plugin.so"};
}

Report with_unseen_holder() {
  Report report;
  report.holders.emplace_back().unseen = true;
  return report;
}

Report with_unseen_waiter() {
  Report report;
  report.waiters.emplace_back().unseen = true;
  return report;
}

}  // namespace

TEST_CASE("a library whose calls go past us is named once") {
  UnseenCalls calls;
  CHECK_FALSE(calls.notice(Report{}, plugin));
  CHECK(calls.notice(with_unseen_waiter(), plugin)->find("locks taken in plugin.so are not seen") == 0);
  CHECK_FALSE(calls.notice(with_unseen_waiter(), plugin));
  CHECK_FALSE(calls.notice(with_unseen_holder(), plugin));
}

TEST_CASE("what a parent held at the fork is no unseen call") {
  UnseenCalls calls;
  Report report = with_unseen_holder();
  report.event = Event::fork_orphan;
  CHECK_FALSE(calls.notice(report, plugin));
}

TEST_CASE("if the library is not known, its kind is printed once") {
  UnseenCalls calls;
  CHECK(calls.notice(with_unseen_holder(), none)->find("a lock call was not seen: ") == 0);
  CHECK_FALSE(calls.notice(with_unseen_holder(), none));
  CHECK(calls.notice(with_unseen_holder(), plugin));
}
