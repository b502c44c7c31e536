// The rules of symbolizer/outputs/journal_output.h.
#include "symbolizer/outputs/journal_output.h"

#include <cerrno>
#include <map>
#include <set>

#include "tests/catch.h"
#include "tests/unit/output_samples.h"
#include "tests/unit/report_samples.h"

using namespace holdwatch;

namespace {

using Fields = std::map<std::string, std::string>;

// Reads an entry as the protocol's description says, independent of how it was written.
Fields parse(std::string_view entry) {
  Fields fields;
  while (!entry.empty()) {
    const size_t line = entry.find('\n');
    REQUIRE(line != std::string_view::npos);
    const size_t equals = entry.substr(0, line).find('=');
    if (equals != std::string_view::npos) {
      fields[std::string(entry.substr(0, equals))] = entry.substr(equals + 1, line - equals - 1);
      entry.remove_prefix(line + 1);
      continue;
    }
    const std::string name(entry.substr(0, line));
    entry.remove_prefix(line + 1);
    REQUIRE(entry.size() > 8);
    uint64_t size = 0;
    for (size_t i = 8; i-- > 0;) size = size << 8 | static_cast<unsigned char>(entry[i]);
    REQUIRE(entry.size() >= 8 + size + 1);
    CHECK(entry[8 + size] == '\n');
    fields[name] = entry.substr(8, size);
    entry.remove_prefix(8 + size + 1);
  }
  return fields;
}

}  // namespace

TEST_CASE("an entry has the report's fields to search by") {
  const Report report = sample_report();
  Fields fields = parse(journal_entry({"holdwatch[4700]: first\n  second\n", Severity::warning, &report}));
  CHECK(fields["MESSAGE"] == "first\n  second");
  CHECK(fields["PRIORITY"] == "4");
  CHECK(fields["SYSLOG_IDENTIFIER"] == "holdwatch");
  CHECK(fields["MESSAGE_ID"].size() == 32);
  CHECK(fields["HOLDWATCH_EVENT"] == "hold");
  CHECK(fields["HOLDWATCH_PHASE"] == "over");
  CHECK(fields["HOLDWATCH_TID"] == "4711");
  CHECK(fields["HOLDWATCH_THREAD"] == "bcast");
  CHECK(fields["HOLDWATCH_LOCK"] == "L3");
  CHECK(fields["HOLDWATCH_LOCK_NAME"] == "Room::members_mx");
  CHECK(fields["HOLDWATCH_DURATION_NS"] == "12400000000");
  CHECK(fields["HOLDWATCH_EPISODE"] == "17");
  CHECK(fields["HOLDWATCH_FINGERPRINT"] == "00c0ffee00c0ffee");
  CHECK(fields["HOLDWATCH_WAITERS"] == "37");
}

TEST_CASE("a wait is about the waiter") {
  Report report = sample_report();
  report.event = Event::wait;
  Fields fields = parse(journal_entry({"x\n", Severity::warning, &report}));
  CHECK(fields["HOLDWATCH_TID"] == "4720");
  CHECK(fields["HOLDWATCH_DURATION_NS"] == "12100000000");
}

TEST_CASE("each kind of event has a message id of its own") {
  std::set<std::string> ids;
  for (const Event event : {Event::hold, Event::wait, Event::deadlock, Event::self_deadlock, Event::abandoned,
                            Event::fork_orphan, Event::corrupt, Event::lock_order, Event::read_recursion}) {
    Report report = sample_report();
    report.event = event;
    ids.insert(parse(journal_entry({"x\n", Severity::warning, &report}))["MESSAGE_ID"]);
  }
  CHECK(ids.size() == 9);
}

TEST_CASE("a name cannot add a field") {
  Report report = sample_report();
  report.holders[0].thread = "x\nPRIORITY=0";
  Fields fields = parse(journal_entry({"x\n", Severity::warning, &report}));
  CHECK(fields["PRIORITY"] == "4");
  CHECK(fields["HOLDWATCH_THREAD"] == "x\nPRIORITY=0");
}

TEST_CASE("a notice has no report's fields") {
  const Fields fields = parse(journal_entry({"holdwatch[1]: notice\n", Severity::info, nullptr}));
  CHECK(fields.size() == 3);
  CHECK(fields.at("MESSAGE") == "notice");
}

TEST_CASE("entries reach the socket, large ones as a file") {
  const TestDirectory directory;
  FakeDaemon daemon(directory.file("socket"));
  JournalOutput output(directory.file("socket"));
  output.write({"small\n"});
  CHECK(parse(daemon.next()).at("MESSAGE") == "small");
  const std::string large(4 << 20, 'x');
  output.write({large});
  CHECK(parse(daemon.next()).at("MESSAGE") == large);
  CHECK_FALSE(output.failing());
}

TEST_CASE("without a journal the message is lost, and that is known") {
  const TestDirectory directory;
  JournalOutput output(directory.file("socket"));
  CHECK(output.probe() == ENOENT);
  output.write({"x\n"});
  CHECK(output.failing());
}
