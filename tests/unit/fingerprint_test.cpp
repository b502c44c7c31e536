// The rules of symbolizer/report/fingerprint.cpp.
#include <algorithm>

#include "tests/catch.h"
#include "tests/unit/report_samples.h"

using namespace holdwatch;

namespace {

std::string base() {
  return fingerprint(sample_report());
}

}  // namespace

TEST_CASE("a fingerprint is 16 hexadecimal digits and its value is fixed for all versions") {
  CHECK(base() == "bc168e9856ae294d");
}

TEST_CASE("addresses, lines, threads, times and hosts do not change a fingerprint") {
  Report report = sample_report();
  report.host = "other";
  report.pid = 1;
  report.episode = 99;
  report.lock_id = "L77";
  report.lock_address = 0x1000;
  report.holders[0].tid = 1;
  report.holders[0].thread = "else";
  report.holders[0].held_ns = 1;
  report.waiters.clear();
  for (Stack* stack : {&report.holders[0].taken, &report.holders[0].now}) {
    for (Frame& frame : stack->frames) {
      frame.ip += 0x10000;
      frame.line += 1;
      frame.file = "/elsewhere" + frame.file;
      frame.build_id = "ff";
    }
  }
  CHECK(fingerprint(report) == base());
}

TEST_CASE("another event, kind of lock, taking function or present place is another bug") {
  Report report = sample_report();
  report.event = Event::abandoned;
  CHECK(fingerprint(report) != base());
  report = sample_report();
  report.lock_kind = LockKind::mutex;
  CHECK(fingerprint(report) != base());
  report = sample_report();
  report.holders[0].taken.frames[1].function = "Room::close()";
  CHECK(fingerprint(report) != base());
  report = sample_report();
  report.holders[0].now.frames[1].function = "Session::close()";
  CHECK(fingerprint(report) != base());
}

TEST_CASE("parameters and clone suffixes do not change a fingerprint") {
  Report report = sample_report();
  report.holders[0].taken.frames[1].function = "Room::broadcast";
  report.holders[0].now.frames[1].function = "Session::send(std::string const&) [clone .isra.0]";
  CHECK(fingerprint(report) == base());
}

TEST_CASE("whether the standard library's wrappers were inlined away does not change a fingerprint") {
  Report report = sample_report();
  report.holders[0].taken.frames.erase(report.holders[0].taken.frames.begin());
  CHECK(fingerprint(report) == base());
}

TEST_CASE("how many frames the standard library has between the program's does not change a fingerprint") {
  Report report = sample_report();
  const Frame invoke = sample_frame(0x402000, "std::__invoke<void (*)(void*)>(void (*&&)(void*))", "", 0);
  std::vector<Frame>& taken = report.holders[0].taken.frames;
  taken.insert(taken.begin() + 3, invoke);
  CHECK(fingerprint(report) == base());
}

TEST_CASE("whether the C library has debug symbols does not change a fingerprint") {
  Report report = sample_report();
  report.holders[0].now.frames[0].function = "send";
  CHECK(fingerprint(report) == base());

  // Without them its inner functions have no name, nor has what started the thread.
  Report named = sample_report();
  named.holders[0].now.frames.insert(named.holders[0].now.frames.begin(),
                                     libc_frame(0x7f0000000010, "__internal_send"));
  named.holders[0].taken.frames.push_back(libc_frame(0x7f0000000020, "start_thread"));
  Report nameless = sample_report();
  nameless.holders[0].now.frames.insert(nameless.holders[0].now.frames.begin(), libc_frame(0x7f0000000010, ""));
  nameless.holders[0].taken.frames.push_back(libc_frame(0x7f0000000020, ""));
  named.holders[0].now_took = nameless.holders[0].now_took = 3;
  CHECK(fingerprint(named) == fingerprint(nameless));
  CHECK(fingerprint(named) == base());
}

TEST_CASE("the holder's stack counts down to the frame that took the lock only") {
  Report report = sample_report();
  report.holders[0].now.frames[3].function = "Server::other()";
  CHECK(fingerprint(report) == base());
}

TEST_CASE("a frame without a name counts by its module's file name") {
  Report report = sample_report();
  report.holders[0].taken.frames[1].function.clear();
  const std::string nameless = fingerprint(report);
  report.holders[0].taken.frames[1].module = "/opt/other/chatroom";
  CHECK(fingerprint(report) == nameless);
  report.holders[0].taken.frames[1].module = "/usr/bin/pub";
  CHECK(fingerprint(report) != nameless);
}

TEST_CASE("a long wait is identified by its stack, not by the present holder") {
  Report report = sample_report();
  report.event = Event::wait;
  const std::string wait = fingerprint(report);
  report.holders[0].taken.frames[1].function = "Room::close()";
  CHECK(fingerprint(report) == wait);
  report.waiters[0].stack.frames[0].function = "Room::leave(Session&)";
  CHECK(fingerprint(report) != wait);
}

TEST_CASE("a report without any holder has a fingerprint too") {
  Report report = sample_report();
  report.holders.clear();
  report.waiters.clear();
  CHECK(fingerprint(report).size() == 16);
}

TEST_CASE("a deadlock has one fingerprint, whichever of its threads comes first") {
  const Report report = deadlock_report();
  Report other = report;
  std::rotate(other.holders.begin(), other.holders.begin() + 1, other.holders.end());
  std::rotate(other.cycle.begin(), other.cycle.begin() + 1, other.cycle.end());
  other.lock_kind = other.cycle[0].lock_kind;
  CHECK(fingerprint(other) == fingerprint(report));
  other.holders[0].taken.frames[1].function = "Room::close()";
  CHECK(fingerprint(other) != fingerprint(report));
}
