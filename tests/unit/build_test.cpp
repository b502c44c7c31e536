// The rules of symbolizer/report/build.h.
#include "symbolizer/report/build.h"

#include <sys/syscall.h>

#include <chrono>
#include <cstring>

#include "symbolizer/proc/monotonic_clock.h"
#include "tests/catch.h"

using namespace holdwatch;

namespace {

// Functions begin at multiples of 0x100 and are called "f12" for 0x1200; 0x11xx is the standard library's.
uintptr_t function_start(uintptr_t pc) {
  return pc & ~uintptr_t{0xff};
}

std::vector<Frame> resolve(uintptr_t pc, bool) {
  Frame frame;
  frame.ip = pc;
  frame.module = "/usr/bin/app";
  frame.function = (pc >> 8 == 0x11 ? "std::lock_guard" : "f") + std::to_string(pc >> 8);
  frame.file = "a.cpp";
  frame.line = static_cast<int>(pc & 0xff);
  return {frame};
}

RawStack stack_of(std::initializer_list<RawFrame> frames) {
  RawStack stack{};
  stack.complete = true;
  for (const RawFrame& frame : frames) stack.frames[stack.count++] = frame;
  return stack;
}

// A finding with one holder in f0x20 that is blocked in a call made by f0x30.
struct Story {
  RawStack now = stack_of({{0x3010, 0x7050, true}, {0x2043, 0x70a0, false}, {0x4001, 0x7100, false}});
  Holder holder{};
  std::vector<Waiter> waiters;
  Finding finding{};

  Story() {
    holder.tid = 11;
    std::strcpy(holder.thread, "bcast");
    holder.held_ns = 2'000;
    holder.state = ThreadState::blocked;
    holder.depth = 1;
    holder.site_count = 1;
    holder.sites[0] = {0x2041, 0x7050};
    holder.now = &now;
    holder.call = {true, SYS_sendto, {4, 100, 200, 0, 0, 0}};
    std::strcpy(holder.doing, "sendto(fd 4)");
    finding.episode = 5;
    finding.lock_id = 3;
    finding.lock = {0xabc, LockKind::mutex};
    finding.limit_ns = 1'000;
  }

  void add_waiter(int tid, uint64_t waited_ns, const RawStack* stack, Access access = Access::exclusive) {
    Waiter waiter{};
    waiter.tid = tid;
    waiter.access = access;
    waiter.waited_ns = waited_ns;
    waiter.stack = stack;
    waiters.push_back(waiter);
  }

  Finding at(Phase phase) {
    finding.phase = phase;
    finding.holders = &holder;
    finding.holder_count = 1;
    finding.waiters = waiters.data();
    finding.waiter_count = waiters.size();
    return finding;
  }
};

ReportBuilder builder() {
  return ReportBuilder({resolve, function_start}, "host1", 4700, "/usr/bin/app");
}

}  // namespace

TEST_CASE("a report carries over what the finding says") {
  Story story;
  story.finding.wall_clock_ns = 77;
  story.finding.lost_ns = 9;
  story.finding.threads_delayed = 2;
  story.finding.waiters_left_out = 3;
  story.finding.unrecorded_holds = 4;
  story.finding.unreported_holds = 5;
  std::strcpy(story.finding.lock_name, "members");
  std::strcpy(story.finding.note, "one more thing");
  const Report report = builder().build(story.at(Phase::over));
  CHECK(report.host == "host1");
  CHECK(report.pid == 4700);
  CHECK(report.exe == "/usr/bin/app");
  CHECK(report.wall_clock_ns == 77);
  CHECK(report.episode == 5);
  CHECK(report.lock_id == "L3");
  CHECK(report.lock_address == 0xabc);
  CHECK(report.lock_name == "members");
  CHECK(report.lost_ns == 9);
  CHECK(report.threads_delayed == 2);
  CHECK(report.waiters_left_out == 3);
  CHECK(report.unrecorded_holds == 4);
  CHECK(report.unreported_holds == 5);
  CHECK(report.note == "one more thing");
  CHECK(report.fingerprint.size() == 16);
  CHECK(report.holders[0].doing == "sendto(fd 4)");
  CHECK(report.holders[0].waits_for.empty());
}

TEST_CASE("the frame that took the lock is found in the present stack") {
  Story story;
  const Report report = builder().build(story.at(Phase::over));
  const ReportHolder& holder = report.holders[0];
  REQUIRE(holder.taken.frames.size() == 2);
  CHECK(holder.taken.frames[0].line == 0x41);
  CHECK(holder.now_took == 1u);
  CHECK(holder.now.frames[1].line == 0x43);
}

TEST_CASE("a helper that took the lock and has returned is named") {
  Story story;
  story.holder.site_count = 2;
  story.holder.sites[0] = {0x1505, 0x7040};
  story.holder.sites[1] = {0x2041, 0x7050};
  CHECK(builder().build(story.at(Phase::over)).holders[0].taken.note == "has returned since: f21");
  story.holder.sites[0].pc = 0x1105;
  CHECK(builder().build(story.at(Phase::over)).holders[0].taken.note.empty());
}

TEST_CASE("a lock taken again by a condition wait says so") {
  Story story;
  story.holder.acquired = Acquired::by_condition_wait;
  CHECK(builder().build(story.at(Phase::over)).holders[0].taken.note == "reacquired when a condition wait returned");
}

TEST_CASE("a holder whose stack is the same in the same call has not moved") {
  Story story;
  ReportBuilder reports = builder();
  CHECK(reports.build(story.at(Phase::over)).holders[0].moved == std::nullopt);
  CHECK(reports.build(story.at(Phase::still)).holders[0].moved == false);
}

TEST_CASE("another stack, or the same call with other arguments, is a move") {
  Story story;
  ReportBuilder reports = builder();
  reports.build(story.at(Phase::over));
  SECTION("another stack") {
    story.now.frames[0].pc = 0x3020;
  }
  SECTION("the next member's descriptor") {
    story.holder.call.arguments[0] = 5;
  }
  CHECK(reports.build(story.at(Phase::still)).holders[0].moved == true);
}

TEST_CASE("a call that a stop has restarted is the same call") {
  Story story;
  ReportBuilder reports = builder();
  reports.build(story.at(Phase::over));
  story.holder.call = {true, SYS_restart_syscall, {}};
  CHECK(reports.build(story.at(Phase::still)).holders[0].moved == false);
}

TEST_CASE("a holder that went off the processor in between has run, though it is where it was") {
  Story story;
  std::optional<uint64_t> switches = 7;
  ReportBuilder reports({resolve, function_start, [&](int) { return switches; }}, "h", 1, "/x");
  CHECK(reports.build(story.at(Phase::over)).holders[0].ran == std::nullopt);
  CHECK(reports.build(story.at(Phase::still)).holders[0].ran == false);
  switches = 8;
  const Report report = reports.build(story.at(Phase::still));
  CHECK(report.holders[0].moved == false);
  CHECK(report.holders[0].ran == true);
  switches.reset();
  CHECK(reports.build(story.at(Phase::still)).holders[0].ran == std::nullopt);
}

TEST_CASE("a holder that could not be captured has neither moved nor stayed") {
  Story story;
  ReportBuilder reports = builder();
  reports.build(story.at(Phase::over));
  story.holder.now = nullptr;
  CHECK(reports.build(story.at(Phase::still)).holders[0].moved == std::nullopt);
}

TEST_CASE("a fingerprint does not change within an episode, wherever the holder goes") {
  Story story;
  ReportBuilder reports = builder();
  const std::string first = reports.build(story.at(Phase::over)).fingerprint;
  story.now.frames[0].pc = 0x9910;
  CHECK(reports.build(story.at(Phase::still)).fingerprint == first);
  CHECK(reports.build(story.at(Phase::snapshot)).fingerprint == first);
  CHECK(reports.build(story.at(Phase::released)).fingerprint == first);
  // Forgotten with its end: the number could be another story's now.
  CHECK(reports.build(story.at(Phase::over)).fingerprint != first);
}

TEST_CASE("the acquisition stack of a hold is kept when what it was made from is gone") {
  Story story;
  ReportBuilder reports = builder();
  story.holder.acquired_when = {500, 510};
  const Stack first = reports.build(story.at(Phase::over)).holders[0].taken;
  REQUIRE(first.frames.size() == 2);
  story.holder.now = nullptr;
  for (const Phase phase : {Phase::still, Phase::released}) {
    const Stack later = reports.build(story.at(phase)).holders[0].taken;
    CHECK(later.frames.size() == 2);
    CHECK(later.complete);
    CHECK(later.note == first.note);
  }
}

TEST_CASE("a later hold by the same thread shows nothing of the one before") {
  Story story;
  ReportBuilder reports = builder();
  story.holder.acquired_when = {500, 510};
  reports.build(story.at(Phase::over));
  story.holder.now = nullptr;
  SECTION("it began later") {
    story.holder.acquired_when = {600, 610};
  }
  SECTION("it is another level, taken elsewhere") {
    story.holder.sites[0] = {0x2061, 0x7050};
  }
  SECTION("it is another level, taken in another frame") {
    story.holder.sites[0] = {0x2041, 0x7060};
  }
  CHECK_FALSE(reports.build(story.at(Phase::released)).holders[0].taken.complete);
}

TEST_CASE("what a thread is doing when it releases the lock is not shown") {
  Story story;
  CHECK(builder().build(story.at(Phase::released)).holders[0].doing.empty());
  CHECK(builder().build(story.at(Phase::late)).holders[0].doing.empty());
}

TEST_CASE("waiters are grouped by stack and mode, the longest first") {
  Story story;
  const RawStack a = stack_of({{0x5001, 1, false}});
  const RawStack same_as_a = stack_of({{0x5001, 9, false}});
  const RawStack b = stack_of({{0x5002, 1, false}});
  story.add_waiter(1, 10, &a);
  story.add_waiter(2, 50, &same_as_a);
  story.add_waiter(3, 99, &b);
  story.add_waiter(4, 20, &a, Access::shared);
  story.add_waiter(5, 5, nullptr);
  const Report report = builder().build(story.at(Phase::over));
  REQUIRE(report.waiters.size() == 4);
  CHECK(report.waiters[0].tids == std::vector<int>{3});
  CHECK(report.waiters[1].tids == std::vector<int>{2, 1});
  CHECK(report.waiters[1].longest_ns == 50);
  CHECK(report.waiters[2].access == Access::shared);
  CHECK(report.waiters[3].stack.note == "stack not captured");
}

TEST_CASE("a thousand waiters in one place are named once") {
  Story story;
  const RawStack a = stack_of({{0x5001, 1, false}});
  for (int i = 0; i < 1000; ++i) story.add_waiter(100 + i, 1, &a);
  int lookups = 0;
  ReportBuilder reports({[&](uintptr_t pc, bool exact) {
                           ++lookups;
                           return resolve(pc, exact);
                         },
                         function_start},
                        "h", 1, "/x");
  const Report report = reports.build(story.at(Phase::over));
  REQUIRE(report.waiters.size() == 1);
  CHECK(report.waiters[0].tids.size() == 1000);
  CHECK(lookups < 10);
}

TEST_CASE("the holder of the chain stays first, the others come longest first") {
  Story story;
  Holder holders[3] = {story.holder, story.holder, story.holder};
  holders[0].held_ns = 1;
  holders[1].tid = 12;
  holders[1].held_ns = 2;
  holders[2].tid = 13;
  holders[2].held_ns = 3;
  Finding finding = story.at(Phase::over);
  finding.holders = holders;
  finding.holder_count = 3;
  const Report report = builder().build(finding);
  CHECK(report.holders[0].tid == 11);
  CHECK(report.holders[1].tid == 13);
  CHECK(report.holders[2].tid == 12);
}

// However long it takes to make it, and whatever happens to the wall clock meanwhile.
TEST_CASE("the durations of a report count up to its time") {
  constexpr uint64_t kSecond = 1'000'000'000;
  Story story;
  const uint64_t now_ns = 100 * kSecond;
  const auto wall_clock = std::chrono::system_clock::now().time_since_epoch();
  story.finding.wall_clock_ns = static_cast<uint64_t>(std::chrono::nanoseconds(wall_clock).count());
  story.finding.until_ns = now_ns - 5 * kSecond;
  story.now.when = {now_ns, now_ns};
  story.holder.wait.known = story.holder.wait.has_timeout = true;
  story.holder.wait.timeout_ns = 3 * kSecond;
  story.holder.wait.last.tid = 12;
  story.holder.wait.last_ns = now_ns - 7 * kSecond;
  const Report report = builder().build(story.at(Phase::over));
  CHECK(report.holders[0].wait->timeout_ns == 8 * kSecond);
  CHECK(report.holders[0].wait->last_ago_ns == 2 * kSecond);
}

TEST_CASE("each thread of a tree counts once, with the time since the hold that keeps it waiting began") {
  Story story;
  story.add_waiter(12, 1'500, nullptr);
  story.add_waiter(13, 5'000, nullptr);  // has waited for another holder before
  story.finding.lost_ns = 9'000;         // so much has been lost by all who ever waited
  story.finding.behind_threads = 3;
  story.finding.behind_lost_ns = 700;
  const Report report = builder().build(story.at(Phase::over));
  CHECK(report.tree_threads == 5);
  CHECK(report.tree_lost_ns == 1'500 + 2'000 + 700);
}

TEST_CASE("the holder is one of the tree's threads if it waits for the root, also once it is over") {
  Story story;
  story.add_waiter(12, 1'500, nullptr);
  story.holder.wait.known = true;
  story.holder.wait.kind = WaitKind::join;
  story.holder.wait.enders[story.holder.wait.ender_count++] = {0, 14, Evidence::stated, "slow"};
  story.holder.waited_ns = 1'800;
  story.holder.chain.count = 1;
  story.holder.chain.threads[0].tid = 14;
  ReportBuilder reports = builder();
  const Report over = reports.build(story.at(Phase::over));
  CHECK(over.tree_threads == 2);
  CHECK(over.tree_lost_ns == 1'500 + 1'800);
  story.waiters.clear();
  story.holder.wait = {};
  story.holder.chain = {};
  story.finding.threads_seen = 4;  // all who were seen to wait
  story.finding.lost_ns = 9'000;
  const Report released = reports.build(story.at(Phase::released));
  CHECK(released.tree_threads == 5);
  CHECK(released.tree_lost_ns == 9'000 + 1'800);
}

TEST_CASE("thread names need no terminating zero") {
  Story story;
  std::memset(story.holder.thread, 'x', sizeof story.holder.thread);
  CHECK(builder().build(story.at(Phase::over)).holders[0].thread == std::string(kThreadNameSize, 'x'));
}

TEST_CASE("the samples of a hold are in its later reports, until it has ended") {
  constexpr uint64_t kSecond = 1'000'000'000;
  Story story;
  story.holder.acquired_when = {3, 3};
  ReportBuilder reports = builder();
  const auto add = [&](uint64_t taken_ns, const RawStack& stack) {
    reports.add_sample({5, 11, 3, taken_ns, ThreadState::running, &stack});
  };
  const RawStack elsewhere = stack_of({{0x5010, 0x7050, true}, {0x2043, 0x70a0, false}, {0x4001, 0x7100, false}});
  add(100 * kSecond, story.now);
  CHECK_FALSE(reports.build(story.at(Phase::over)).holders[0].samples);
  add(101 * kSecond, elsewhere);
  add(102 * kSecond, elsewhere);
  const auto still = reports.build(story.at(Phase::still)).holders[0].samples;
  REQUIRE(still);
  CHECK(still->captured == 3);
  CHECK(still->running == 3);
  CHECK(still->span_ns == 2 * kSecond);
  REQUIRE(still->places.size() == 2);
  CHECK(still->places[0].at.function == "f80");
  CHECK(still->places[0].samples == 2);
  CHECK(still->places[1].at.function == "f48");
  REQUIRE(still->functions.size() == 4);
  CHECK(still->functions[0].samples == 3);

  story.holder.acquired_when = {4, 4};  // another hold of the thread
  CHECK_FALSE(reports.build(story.at(Phase::still)).holders[0].samples);
  story.holder.acquired_when = {3, 3};
  CHECK(reports.build(story.at(Phase::released)).holders[0].samples);
  CHECK_FALSE(reports.build(story.at(Phase::released)).holders[0].samples);
}
