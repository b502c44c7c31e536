// What is written where the symbolizer cannot be called. The first line's words are first_line_test's; a module's, module_of_test's.
#include "shim/fallback/plain_report.h"

#include <dlfcn.h>
#include <pthread.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <vector>

#include "shim/base/clock.h"
#include "shim/base/unloads.h"
#include "shim/common/text/first_line.h"
#include "shim/fallback/module_of.h"
#include "shim/record/thread_table.h"
#include "tests/catch.h"
#include "tests/unit/in_child.h"
#include "tests/unit/recorded_thread.h"

namespace holdwatch {
namespace {

constexpr uint64_t kSecond = 1'000'000'000;

std::vector<std::string> lines_of(const Outcome& outcome) {
  std::vector<std::string> lines;
  const std::string start = "holdwatch[" + std::to_string(outcome.pid) + "]: ";
  for (size_t at = 0, end; (end = outcome.text.find('\n', at)) != std::string::npos; at = end + 1) {
    const std::string line = outcome.text.substr(at, end - at);
    REQUIRE(line.rfind(start, 0) == 0);
    lines.push_back(line.substr(start.size()));
  }
  return lines;
}

std::string first_line(const Finding& finding) {
  Line<512> text;
  append_first_line(finding, text);
  return text.c_str();
}

std::string module_of(uintptr_t pc) {
  Line<512> text;
  append_module_of(pc, text);
  return text.c_str();
}

uintptr_t in_this_program() {
  return reinterpret_cast<uintptr_t>(&in_this_program);
}
uintptr_t in_libc() {
  return reinterpret_cast<uintptr_t>(dlsym(RTLD_DEFAULT, "getpid"));
}

void set_name(char (&out)[kThreadNameSize], const char* name) {
  std::memset(out, 0, sizeof out);
  std::memcpy(out, name, std::min(std::strlen(name), sizeof out - 1));
}

// --- a whole report ---

struct PlainReportTest {
  std::vector<Holder> holders;
  std::vector<Waiter> waiters;
  RawStack stack{};
  Finding finding{};

  PlainReportTest() {
    finding.event = Event::hold;
    finding.phase = Phase::over;
    finding.limit_ns = kSecond;
    finding.lock = {0x1000, LockKind::mutex};
    finding.lock_id = 3;
    stack.count = 1;
    stack.frames[0].pc = in_libc();
  }
  void add_holder(int tid, std::vector<uintptr_t> sites) {
    Holder holder{};
    holder.tid = tid;
    holder.held_ns = 2 * kSecond;
    for (const uintptr_t pc : sites) holder.sites[holder.site_count++] = {pc, 0};
    holder.acquired_when = {monotonic_ns(), monotonic_ns()};
    holders.push_back(holder);
  }
  Waiter& add_waiter(int tid, Access access = Access::exclusive) {
    Waiter waiter{};
    waiter.tid = tid;
    waiter.access = access;
    waiter.waited_ns = kSecond + kSecond / 2;
    waiter.stack = &stack;
    return waiters.emplace_back(waiter);
  }
  std::vector<std::string> write() {
    finding.holders = holders.data();
    finding.holder_count = holders.size();
    finding.waiters = waiters.data();
    finding.waiter_count = waiters.size();
    return lines_of(in_child([&] { return write_plain_report(finding), 0; }));
  }
  // The first line, and then these.
  void check(std::vector<std::string> rest) {
    const std::vector<std::string> written = write();
    rest.insert(rest.begin(), first_line(finding));
    CHECK(written == rest);
  }
};

using Lines = std::vector<std::string>;

TEST_CASE_METHOD(PlainReportTest,
                 "after the first line come the places where it was taken, and who waits, each with its module") {
  add_holder(11, {in_this_program(), in_libc()});
  add_holder(12, {in_libc()});
  add_waiter(21);
  check({"  taken by 11  #0 " + module_of(in_this_program()), "  taken by 11  #1 " + module_of(in_libc()),
         "  taken by 12  #0 " + module_of(in_libc()), "  waits     21, 1.5 s  " + module_of(in_libc())});
}

TEST_CASE_METHOD(PlainReportTest, "later reports of an episode have one line") {
  add_holder(11, {in_libc()});
  add_waiter(21);
  for (const Phase phase : {Phase::still, Phase::released}) {
    finding.phase = phase;
    check({});
  }
  for (const Phase phase : {Phase::late, Phase::snapshot}) {
    finding.phase = phase;
    CHECK(write().size() == 3);
  }
}

TEST_CASE_METHOD(PlainReportTest, "without an acquisition's or a waiter's stack, the report has no line for it") {
  add_holder(11, {});
  add_waiter(21).stack = nullptr;
  RawStack empty{};
  add_waiter(22).stack = &empty;
  check({"  waits     21, 1.5 s  ", "  waits     22, 1.5 s  "});
}

TEST_CASE_METHOD(PlainReportTest, "each waiter for an rwlock is shown with the access that it wants") {
  finding.lock.kind = LockKind::rwlock;
  add_waiter(21, Access::shared).stack = nullptr;
  add_waiter(22).stack = nullptr;
  check({"  waits     21 for reading, 1.5 s  ", "  waits     22 for writing, 1.5 s  "});
}

TEST_CASE_METHOD(PlainReportTest, "eight waiters are shown, and the first line counts all") {
  add_holder(11, {});
  for (int tid = 21; tid < 30; ++tid) add_waiter(tid);
  const Lines lines = write();
  CHECK(lines.size() == 9);
  CHECK(lines[0] == first_line(finding));
  CHECK(lines[0].find("9 threads wait") != std::string::npos);
  CHECK(lines[8].find("  waits     28,") == 0);
}

TEST_CASE_METHOD(PlainReportTest,
                 "a module that may have been unloaded since the acquisition is not named, but the program is") {
  add_holder(11, {in_libc(), in_this_program()});
  add_waiter(21);
  { const Unload unload; }
  Line<64> bare;
  bare << "  taken by 11  #0 " << Hex{in_libc()};
  check({bare.c_str(), "  taken by 11  #1 " + module_of(in_this_program()),
         "  waits     21, 1.5 s  " + module_of(in_libc())});
}

TEST_CASE_METHOD(PlainReportTest, "a first line too long for its room ends in dots, and stays one line") {
  finding.event = Event::deadlock;
  for (int tid = 4'000'000; tid < 4'000'006; ++tid) {
    add_holder(tid, {});
    set_name(holders.back().thread, "\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n");
    holders.back().lock_id = UINT32_MAX;
  }
  const Lines lines = write();
  REQUIRE(lines.size() == 1);
  CHECK(lines[0].size() == 511);
  CHECK(lines[0].substr(508) == "...");
}

TEST_CASE("with LOG=none nothing is written in any form, and nothing counts as reported") {
  const Outcome outcome = in_child([] {
    const auto request = std::make_unique<ReportRequest>();
    request->episode = 5;
    set_plain_reports_wanted(false);
    write_plain_report(Finding{});
    write_plain_notice("notice");
    write_plain_first_line(*request);
    return had_fallback_report(5) ? 1 : 0;
  });
  CHECK(outcome.text.empty());
  CHECK(outcome.status == 0);
}

// --- the first line of a request, which the watcher writes without a look at any thread ---

struct PlainRequestTest {
  std::unique_ptr<ReportRequest> request = std::make_unique<ReportRequest>();
  // What the line has to be about.
  std::vector<Holder> holders;
  Waiter longest{};
  Finding finding{};

  PlainRequestTest() {
    const auto* const lock = reinterpret_cast<const void*>(uintptr_t{0x1000});
    request->event = finding.event = Event::hold;
    request->phase = finding.phase = Phase::over;
    request->episode = 7;
    request->limit_ns = finding.limit_ns = kSecond;
    request->tags[0].id = finding.lock_id = 3;
    request->state.lock = {lock, LockKind::mutex, Access::exclusive};
    finding.lock = {0x1000, LockKind::mutex};
  }
  HolderState& add_holder(int tid, const char* name, uint64_t held_ns, Access access = Access::exclusive) {
    const size_t index = request->state.holder_count++;
    HolderState& state = request->state.holders[index];
    state.hold.tid = tid;
    state.hold.word = {reinterpret_cast<const void*>(request->state.lock.address()), request->state.lock.kind(),
                       access};
    state.hold.sites[0].pc = 0x401000;
    set_name(request->names[index], name);
    request->held_ns[index] = held_ns;
    return state;
  }
  void expect_holder(int tid, const char* name, uint64_t held_ns, Access access = Access::exclusive) {
    Holder holder{};
    holder.tid = tid;
    holder.held_ns = held_ns;
    holder.access = access;
    holder.lock_id = 3;
    set_name(holder.thread, name);
    holders.push_back(holder);
  }
  void add_waiter(int tid, uint64_t waited_ns, bool of_condition = false) {
    const size_t index = request->state.waiter_count++;
    const LockWord word(request->state.lock);
    request->state.waiters[index].tid = tid;
    request->state.waiters[index].word = of_condition ? word.with_condition() : word;
    request->waited_ns[index] = waited_ns;
  }
  void expect_longest(int tid, uint64_t waited_ns, size_t others) {
    longest.tid = tid;
    longest.waited_ns = waited_ns;
    finding.waiter_count = 1;
    finding.waiters_left_out = others;
  }
  void check() {
    finding.holders = holders.data();
    finding.holder_count = holders.size();
    finding.waiters = &longest;
    const Outcome outcome = in_child([&] {
      write_plain_first_line(*request);
      return had_fallback_report(request->episode) ? 0 : 1;
    });
    CHECK(outcome.status == 0);
    CHECK(lines_of(outcome) == Lines{first_line(finding)});
  }
};

TEST_CASE_METHOD(PlainRequestTest,
                 "holders come longest first, by the names that they had when the request was posted") {
  request->state.lock = {reinterpret_cast<const void*>(uintptr_t{0x1000}), LockKind::rwlock, Access::shared};
  finding.lock.kind = LockKind::rwlock;
  add_holder(11, "younger", 2 * kSecond, Access::shared);
  add_holder(12, "older", 3 * kSecond, Access::shared).likely = true;
  expect_holder(12, "older", 3 * kSecond, Access::shared);
  expect_holder(11, "younger", 2 * kSecond, Access::shared);
  holders[0].likely = true;
  check();
}

TEST_CASE_METHOD(PlainRequestTest,
                 "the longest wait and the number of waiters are shown; a thread in a condition wait is no waiter") {
  add_holder(11, "holder", 3 * kSecond);
  expect_holder(11, "holder", 3 * kSecond);
  add_waiter(13, kSecond);
  add_waiter(14, 2 * kSecond);
  add_waiter(15, kSecond);
  add_waiter(16, 3 * kSecond, true);
  request->state.waiters_left_out = 5;
  expect_longest(14, 2 * kSecond, 7);
  check();
  request->event = finding.event = Event::wait;
  check();
}

TEST_CASE_METHOD(PlainRequestTest, "a waiter is shown by its name, and whether it wants to read") {
  request->event = finding.event = Event::wait;
  request->state.lock = {reinterpret_cast<const void*>(uintptr_t{0x1000}), LockKind::rwlock, Access::shared};
  finding.lock.kind = LockKind::rwlock;
  const Outcome outcome = in_child([&] {
    pthread_setname_np(pthread_self(), "reader");
    add_waiter(gettid(), 2 * kSecond);
    write_plain_first_line(*request);
    return 0;
  });
  expect_longest(outcome.pid, 2 * kSecond, 0);
  set_name(longest.thread, "reader");
  longest.access = Access::shared;
  finding.waiters = &longest;
  CHECK(lines_of(outcome) == Lines{first_line(finding)});
}

TEST_CASE_METHOD(PlainRequestTest, "the name of a holder that has exited comes from its record") {
  RecordedThread thread;
  HolderState& holder = add_holder(11, "", 3 * kSecond);
  holder.hold.gone = true;
  holder.hold.identity.record = thread.index();
  set_name(thread.record().gone_name, "exited");
  request->event = finding.event = Event::abandoned;
  expect_holder(11, "exited", 3 * kSecond);
  holders[0].state = ThreadState::gone;
  check();
  thread.record().gone_name[0] = '\0';
}

TEST_CASE_METHOD(PlainRequestTest, "an inferred hold has lasted at least so long") {
  add_holder(11, "early", 3 * kSecond).hold.sites[0].pc = 0;
  expect_holder(11, "early", 3 * kSecond);
  holders[0].acquired = Acquired::unseen;
  check();
}

TEST_CASE_METHOD(PlainRequestTest, "a holder in another process is shown with that process, if it was found") {
  HolderState& holder = add_holder(11, "", 3 * kSecond);
  holder.hold.sites[0].pc = 0;
  holder.where = Whereabouts::elsewhere;
  expect_holder(11, "", 3 * kSecond);
  holders[0].acquired = Acquired::elsewhere;
  check();
  holder.pid = holders[0].pid = 4711;
  check();
}

TEST_CASE_METHOD(PlainRequestTest, "a cycle is shown in its own order, each thread with its own lock and wait") {
  request->event = finding.event = Event::deadlock;
  add_holder(11, "first", kSecond);
  add_holder(12, "second", 3 * kSecond);
  add_holder(13, "third", 2 * kSecond).waits_since_before = true;
  for (uint32_t i = 0; i < 3; ++i) {
    request->tags[i].id = 3 + i;
    request->holder_waits_ns[i] = (i + 1) * kSecond;
  }
  expect_holder(11, "first", kSecond);
  expect_holder(12, "second", 3 * kSecond);
  expect_holder(13, "third", 2 * kSecond);
  for (uint32_t i = 0; i < 3; ++i) {
    holders[i].lock_id = 3 + i;
    holders[i].waited_ns = (i + 1) * kSecond;
  }
  check();
  request->state.holders[0].waits_since_before = request->state.holders[1].waits_since_before = true;
  for (Holder& holder : holders) holder.waits_since_before_attach = true;
  check();
}

TEST_CASE_METHOD(PlainRequestTest, "a closing line counts the delayed threads") {
  request->phase = finding.phase = Phase::released;
  request->threads_delayed = finding.threads_delayed = 4;
  request->lost_ns = finding.lost_ns = 5 * kSecond;
  add_holder(11, "holder", 3 * kSecond);
  expect_holder(11, "holder", 3 * kSecond);
  check();
}

TEST_CASE_METHOD(PlainRequestTest, "a line has nothing of the previous request") {
  const Outcome outcome = in_child([&] {
    pthread_setname_np(pthread_self(), "waiter");
    add_holder(11, "holder", 3 * kSecond).likely = true;
    add_waiter(gettid(), 2 * kSecond);
    write_plain_first_line(*request);
    request->state.holder_count = 0;
    request->event = Event::wait;
    request->state.waiters[0].tid = 12;  // has exited
    request->waited_ns[0] = kSecond;
    write_plain_first_line(*request);
    return 0;
  });
  finding.event = Event::wait;
  expect_longest(12, kSecond, 0);
  finding.waiters = &longest;
  const Lines lines = lines_of(outcome);
  REQUIRE(lines.size() == 2);
  CHECK(lines[1] == first_line(finding));
}

TEST_CASE_METHOD(PlainRequestTest, "short reports are remembered for the last thousand episodes") {
  const Outcome outcome = in_child([&] {
    if (had_fallback_report(7)) return 1;
    write_plain_first_line(*request);
    if (!had_fallback_report(7) || had_fallback_report(8)) return 2;
    for (int i = 0; i < 1000; ++i) {
      ++request->episode;
      write_plain_first_line(*request);
    }
    if (!had_fallback_report(7)) return 3;
    request->episode = 7 + 1024;
    write_plain_first_line(*request);
    return had_fallback_report(7) ? 4 : 0;
  });
  CHECK(outcome.status == 0);
}

}  // namespace
}  // namespace holdwatch
