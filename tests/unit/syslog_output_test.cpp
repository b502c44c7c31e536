// The rules of symbolizer/outputs/syslog_output.h.
#include "symbolizer/outputs/syslog_output.h"

#include <unistd.h>

#include <cerrno>

#include "tests/catch.h"
#include "tests/unit/output_samples.h"

using namespace holdwatch;

TEST_CASE("each line is a datagram of its own with priority and tag, and the tag occurs once") {
  const TestDirectory directory;
  FakeDaemon daemon(directory.file("log"));
  SyslogOutput output(directory.file("log"));
  const std::string tag = "holdwatch[" + std::to_string(getpid()) + "]: ";
  output.write({tag + "first\n  second\n", Severity::warning});
  output.write({tag + "end\n", Severity::info});
  CHECK_FALSE(output.failing());
  CHECK(daemon.next() == "<12>" + tag + "first");
  CHECK(daemon.next() == "<12>" + tag + "  second");
  CHECK(daemon.next() == "<14>" + tag + "end");
  CHECK(daemon.next() == "(nothing)");
}

TEST_CASE("without a daemon the message is lost, and that is known") {
  const TestDirectory directory;
  SyslogOutput output(directory.file("log"));
  CHECK(output.probe() == ENOENT);
  output.write({"x\n"});
  CHECK(output.failing());
}
