// The rules of symbolizer/report/suppression_rules.h.
#include "symbolizer/report/suppression_rules.h"

#include "tests/catch.h"
#include "tests/unit/report_samples.h"

using namespace holdwatch;

namespace {

using Texts = std::vector<std::string>;

// Whether the one rule leaves the report out.
bool leaves_out(const std::string& rule, const Report& report) {
  SuppressionRules rules;
  const Texts faults = rules.add(rule, "file");
  INFO(rule << (faults.empty() ? "" : ": " + faults.front()));
  REQUIRE(faults.empty());
  uint64_t at_ns = 0;
  return rules.leaves_out(report, &at_ns) != nullptr;
}

// What is wrong with the first line that has a fault.
std::string fault(const std::string& text) {
  const Texts faults = SuppressionRules().add(text, "file");
  return faults.empty() ? "" : faults.front();
}

}  // namespace

TEST_CASE("a rule matches by event, function, module, lock, program and threads, each with patterns") {
  Report report = sample_report();
  report.lock_name = "members";
  for (const char* rule :
       {"hold function=Room::broadcast", "any function=Room::*", "wait,hold function=worker_main",
        "hold function=\"Room::broadcast(std::string const&)\"", "hold function=Session::send", "hold module=chatroom",
        "hold module=/usr/bin/*", "hold lock=members", "hold lock=mem*", "hold exe=chat*", "hold holder=bcast",
        "hold waiter=join waiter=visitor", "hold function=No function=Room::broadcast",
        "hold function=Room::broadcast lock=members exe=chatroom", "\t hold   function=Room::broadcast # why"})
    CHECK(leaves_out(rule, report));
  for (const char* rule : {"wait function=Room::broadcast", "hold function=broadcast", "hold function=Room::add",
                           "hold module=libssl*", "hold lock=others", "hold exe=other", "hold holder=join",
                           "hold waiter=join", "hold function=Room::broadcast lock=others"})
    CHECK_FALSE(leaves_out(rule, report));
}

TEST_CASE("all holders, or all waiters, must match") {
  Report report = sample_report();
  report.holders.push_back(sample_holder());
  CHECK(leaves_out("hold function=Room::broadcast", report));
  report.holders[1].taken = report.holders[1].now = {};
  CHECK_FALSE(leaves_out("hold function=Room::broadcast", report));
  report = sample_report();
  report.waiters[0].threads.push_back("another");
  CHECK_FALSE(leaves_out("hold waiter=join waiter=visitor", report));
  report = sample_report();
  report.waiters_left_out = 1;
  CHECK_FALSE(leaves_out("hold waiter=*", report));
}

TEST_CASE("of a wait, the stacks of the waiters count") {
  Report report = sample_report();
  report.event = Event::wait;
  CHECK(leaves_out("wait function=Room::add function=Room::size", report));
  CHECK_FALSE(leaves_out("wait function=Room::add", report));
  CHECK_FALSE(leaves_out("wait function=Room::broadcast", report));
}

TEST_CASE("a stack of which no function is known matches only (unknown)") {
  Report report = sample_report();
  report.holders[0].taken = {};
  CHECK(leaves_out("hold function=(unknown)", report));
  CHECK_FALSE(leaves_out("hold function=worker", report));
  CHECK_FALSE(leaves_out("hold function=(unknown)", sample_report()));
}

TEST_CASE("a rule with a limit leaves a report out below that age") {
  SuppressionRules rules;
  REQUIRE(rules.add("hold function=Room::broadcast limit=20s", "file").empty());
  Report report = sample_report();
  uint64_t at_ns = 0;
  CHECK(rules.leaves_out(report, &at_ns) != nullptr);
  CHECK(at_ns == 20 * kSecondNs);
  CHECK(rules.may_leave_out(report));
  report.holders[0].held_ns = 20 * kSecondNs;
  CHECK(rules.leaves_out(report, &at_ns) == nullptr);
  CHECK_FALSE(rules.may_leave_out(report));
}

TEST_CASE("the first rule that matches decides") {
  SuppressionRules rules;
  REQUIRE(rules.add("hold function=Room::broadcast limit=1s\nhold function=Room::*\n", "file").empty());
  uint64_t at_ns = 0;
  CHECK(rules.leaves_out(sample_report(), &at_ns) == nullptr);
}

TEST_CASE("lines can be continued, and those with a fault are named while the others hold") {
  SuppressionRules rules;
  const Texts faults = rules.add(
      "# comment\n"
      "\n"
      "hold function=A \\\n"
      "  lock=b\n"
      "hold colour=red\n"
      "hold function=C",
      "/etc/rules");
  CHECK(faults == Texts{"/etc/rules:5: unknown condition \"colour\" (function, module, lock, exe, holder, waiter, "
                        "limit, reason)"});
  CHECK(rules.unused() == Texts{"/etc/rules:3", "/etc/rules:6"});
}

TEST_CASE("what is wrong with a line is said") {
  CHECK(fault("hole function=A") == "file:1: \"hole\" is no event (any, hold, wait, deadlock ...), nor condition");
  CHECK(fault("condition limit=1s") == "file:1: a rule for condition waits needs a function");
  CHECK(fault("condition function=A").starts_with("file:1: a rule for condition waits needs a limit"));
  CHECK(fault("condition function=A limit=0").starts_with("file:1: a rule for condition waits needs a limit"));
  CHECK(fault("condition,hold function=A").starts_with("file:1: \"condition,hold\" is no event"));
  CHECK(fault("hold") == "file:1: a rule needs a condition");
  CHECK(fault("hold function") == "file:1: \"function\" is no condition: KEY=PATTERN");
  CHECK(fault("hold function=") == "file:1: \"function\" has no value");
  CHECK(fault("hold function=\"A") == "file:1: a double quote is missing");
  CHECK(fault("\nhold limit=soon").starts_with("file:2: limit=soon: "));
  CHECK(fault("hold,wait,deadlock function=A\n").empty());
  CHECK(fault("any exe=\"a # b\"").empty());
}

TEST_CASE("rules ask for condition waits by function, module, condition, program and threads, from a limit on") {
  Report report = sample_report();
  report.event = Event::wait;
  report.lock_kind = LockKind::condition;
  const ReportWaiters& group = report.waiters[0];  // "join" in Room::add, for 12.1 s
  uint64_t from_ns = 0;
  const auto asks = [&](const std::string& rule) {
    SuppressionRules rules;
    INFO(rule);
    REQUIRE(rules.add(rule, "file").empty());
    return rules.asks_for(report, group, &from_ns);
  };
  for (const char* rule :
       {"condition function=Room::add limit=12s", "condition function=Room::* module=chatroom limit=1s",
        "condition function=Room::add waiter=join lock=Room::members_mx exe=chatroom limit=1s"})
    CHECK(asks(rule));
  for (const char* rule :
       {"condition function=Room::size limit=1s", "condition function=Room::add module=libssl* limit=1s",
        "condition function=Room::add waiter=visitor limit=1s", "condition function=Room::add lock=other limit=1s",
        "condition function=Room::add exe=other limit=1s", "wait function=Room::add limit=1s",
        "any function=Room::add"}) {
    CHECK_FALSE(asks(rule));
    CHECK(from_ns == UINT64_MAX);
  }
  CHECK_FALSE(asks("condition function=Room::add limit=13s"));
  CHECK(from_ns == 13 * kSecondNs);
}

TEST_CASE("the smallest limit of the rules for condition waits counts, and no other rule's") {
  SuppressionRules rules;
  REQUIRE(rules.add("hold function=A limit=1s", "file").empty());
  CHECK(rules.condition_limit_ns() == 0);
  REQUIRE(rules.add("condition function=A limit=30s\ncondition function=B limit=20s", "file").empty());
  CHECK(rules.condition_limit_ns() == 20 * kSecondNs);
}

TEST_CASE("garbage is no rule, and does no harm") {
  std::string garbage;
  for (unsigned i = 0; i < 100'000; ++i) garbage += static_cast<char>(i * 2654435761u >> 24);
  SuppressionRules rules;
  rules.add(garbage, "file");
  CHECK(rules.unused().empty());
}

TEST_CASE("a rule that has matched is not listed as unused, even if its limit has passed") {
  SuppressionRules rules;
  REQUIRE(rules.add("hold function=Room::broadcast limit=1s\nhold function=Other", "file").empty());
  uint64_t at_ns = 0;
  rules.leaves_out(sample_report(), &at_ns);
  CHECK(rules.unused() == Texts{"file:2"});
}
