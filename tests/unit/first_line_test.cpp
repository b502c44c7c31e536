// That the shim and the symbolizer fill the facts of a first line alike.
#include "shim/common/text/first_line.h"

#include <cstring>
#include <iterator>
#include <vector>

#include "symbolizer/report/build.h"
#include "symbolizer/report/headline.h"
#include "tests/catch.h"

namespace holdwatch {
namespace {

std::string plainly(const Finding& finding) {
  Line<1024> text;
  append_first_line(finding, text);
  return text.c_str();
}

std::string in_full(const Finding& finding) {
  const ReportBuilder builder({}, "host", 1, "/usr/bin/app");
  return headline(builder.facts(finding));
}

// Holders and waiters of all kinds, as many as a test wants.
struct Story {
  std::vector<Holder> holders;
  std::vector<Waiter> waiters;
  Finding finding{};

  Story() {
    finding.event = Event::hold;
    finding.limit_ns = 1'000'000'000;
    finding.lock = {0x1000, LockKind::mutex};
    finding.lock_id = 3;
  }
  Holder& add_holder(int tid, const char* name, uint64_t held_ns) {
    Holder holder{};
    holder.tid = tid;
    std::strcpy(holder.thread, name);
    holder.held_ns = held_ns;
    holder.lock = finding.lock;
    holder.lock_id = finding.lock_id + static_cast<uint32_t>(holders.size());
    holder.waited_ns = held_ns / 2;
    holders.push_back(holder);
    return holders.back();
  }
  void add_waiter(int tid, const char* name, uint64_t waited_ns, Access access = Access::exclusive) {
    Waiter waiter{};
    waiter.tid = tid;
    std::strcpy(waiter.thread, name);
    waiter.lock_id = finding.lock_id;
    waiter.access = access;
    waiter.waited_ns = waited_ns;
    waiters.push_back(waiter);
  }
  // Compares the two for every phase.
  void check(Event event) {
    finding.event = event;
    finding.holders = holders.data();
    finding.holder_count = holders.size();
    finding.waiters = waiters.data();
    finding.waiter_count = waiters.size();
    for (const Phase phase : {Phase::over, Phase::still, Phase::released, Phase::late, Phase::snapshot}) {
      finding.phase = phase;
      CHECK(plainly(finding) == in_full(finding));
    }
  }
  void check_all() {
    for (const Event event : {Event::hold, Event::wait, Event::abandoned, Event::fork_orphan, Event::corrupt})
      check(event);
  }
};

TEST_CASE_METHOD(Story, "one holder, any number of waiters") {
  add_holder(11, "bcast", 1'250'000'000);
  check_all();
  finding.was_seen = true;
  check_all();
  finding.had_fallback_report = true;
  check_all();
  add_waiter(12, "first", 800'000'000);
  check_all();
  add_waiter(13, "", 1'000);
  finding.lost_ns = 12'400'000'000;
  finding.threads_delayed = 2;
  check_all();
  finding.waiters_left_out = 5;
  check_all();
}

TEST_CASE_METHOD(Story, "no thread is known") {
  check(Event::hold);
  check(Event::wait);
  check(Event::abandoned);
}

TEST_CASE_METHOD(Story, "readers, known and likely") {
  finding.lock.kind = LockKind::rwlock;
  add_holder(11, "a \"name\" \\ \n", 3'000'000'000).access = Access::shared;
  add_waiter(14, "writer", 2'000'000'000);
  check_all();
  add_holder(12, "", 2'000'000'000).access = Access::shared;
  add_holder(13, "third", 1'000'000'000).access = Access::shared;
  holders[0].likely = true;
  check_all();
}

TEST_CASE_METHOD(Story, "holders without a record") {
  Holder& holder = add_holder(11, "main", 3'000'000'000);
  for (const Acquired acquired :
       {Acquired::before_attach, Acquired::unseen, Acquired::elsewhere, Acquired::by_loader}) {
    holder.acquired = acquired;
    check_all();
  }
  holder.pid = 4711;
  std::strcpy(holder.process, "other");
  check_all();
}

TEST_CASE_METHOD(Story, "a holder that has ended") {
  add_holder(11, "careless", 3'000'000'000).state = ThreadState::gone;
  check(Event::abandoned);
  holders[0].held_ns = 0;
  check(Event::abandoned);
}

TEST_CASE_METHOD(Story, "cycles of any length") {
  for (const char* name : {"one", "two", "three", "four", "five", "six"}) {
    add_holder(static_cast<int>(10 + holders.size()), name, 4'000'000'000);
    check(holders.size() == 1 ? Event::self_deadlock : Event::deadlock);
  }
  add_waiter(20, "behind", 100'000'000);
  finding.threads_delayed = 1;
  finding.lost_ns = 100'000'000;
  holders[0].likely = true;
  check(Event::deadlock);
  for (Holder& holder : holders) holder.waits_since_before_attach = true;
  check(Event::deadlock);
  for (Holder& holder : holders) holder.waited_ns = 0;
  check(Event::deadlock);
  holders.resize(1);
  check(Event::self_deadlock);
}

TEST_CASE_METHOD(Story, "cycles through joins") {
  for (const char* name : {"one", "two", "three"})
    add_holder(static_cast<int>(10 + holders.size()), name, 4'000'000'000);
  holders[1].lock_id = 0;
  check(Event::deadlock);
  finding.phase = Phase::over;
  CHECK(plainly(finding).find("10 \"one\" holds L3 and waits for thread 11 \"two\" to exit, 11 \"two\" waits for L5, "
                              "12 \"three\" holds L5 and waits for L3;") != std::string::npos);
  finding.phase = Phase::still;
  CHECK(plainly(finding).find("deadlock of L3 and L5 continues") != std::string::npos);
  for (const char* name : {"four", "five", "six"})
    add_holder(static_cast<int>(10 + holders.size()), name, 4'000'000'000);
  check(Event::deadlock);
  finding.phase = Phase::still;
  CHECK(plainly(finding).find("deadlock of L3, L5, L6 and 2 more continues") != std::string::npos);
}

// One of all combinations, by its number.
class Choices {
 public:
  explicit Choices(size_t number) : rest_(number) {}
  size_t among(size_t count) {
    const size_t chosen = rest_ % count;
    rest_ /= count;
    return chosen;
  }
  bool either() { return among(2) == 1; }
  bool all_made() const { return rest_ == 0; }

 private:
  size_t rest_;
};

// False: there is no combination of this number.
bool tell(Story& story, size_t number) {
  constexpr Acquired kAcquired[] = {Acquired::by_call,  Acquired::by_condition_wait, Acquired::before_attach,
                                    Acquired::unseen,   Acquired::inside_call,       Acquired::elsewhere,
                                    Acquired::by_loader};
  Choices choices(number);
  story.finding.lock.kind = choices.either() ? LockKind::rwlock : LockKind::mutex;
  const Access access =
      choices.either() && story.finding.lock.kind == LockKind::rwlock ? Access::shared : Access::exclusive;
  const Acquired acquired = kAcquired[choices.among(std::size(kAcquired))];
  const bool is_likely = choices.either(), has_pid = choices.either(), is_gone = choices.either();
  const uint64_t held_ns = choices.among(3) * 1'700'000'000;
  for (size_t i = 0, count = choices.among(4); i < count; ++i) {
    Holder& holder = story.add_holder(static_cast<int>(11 + i), i == 1 ? "" : "holder", held_ns / (i + 1));
    holder.access = access;
    if (i > 0) continue;
    holder.acquired = acquired;
    holder.likely = is_likely;
    holder.state = is_gone ? ThreadState::gone : ThreadState::blocked;
    if (acquired == Acquired::elsewhere && has_pid) holder.pid = 4711;
  }
  const Access wanted[] = {choices.either() ? Access::shared : Access::exclusive,
                           choices.either() ? Access::shared : Access::exclusive};
  for (size_t i = 0, count = choices.among(3); i < count; ++i)
    story.add_waiter(static_cast<int>(21 + i), i == 1 ? "" : "waiter", (2 - i) * 300'000'000, wanted[i]);
  story.finding.waiters_left_out = choices.either() ? 3 : 0;
  story.finding.limit_ns = choices.either() ? 1'000'000'000 : 0;
  story.finding.threads_delayed = choices.among(3);
  const bool is_lost = choices.either() || story.finding.threads_delayed > 0;
  story.finding.lost_ns = is_lost ? 2'500'000'000 : 0;
  story.finding.was_seen = choices.either();
  story.finding.had_fallback_report = story.finding.was_seen && choices.either();
  return choices.all_made();
}

TEST_CASE("whatever comes together in one finding") {
  constexpr size_t kOneOf = 997;  // of all combinations, which are more than a million
  size_t told = 0;
  for (size_t number = 0;; number += kOneOf) {
    Story story;
    if (!tell(story, number)) break;
    INFO("combination " << number);
    story.check_all();
    ++told;
  }
  CHECK(told > 1000);
}

}  // namespace

TEST_CASE_METHOD(Story, "those who wait behind others are counted with those who wait for the lock") {
  add_holder(4711, "first", 13'000'000'000);
  add_holder(4712, "second", 12'000'000'000);
  add_waiter(4713, "waiter", 3'000'000'000);
  finding.behind_threads = 2;
  check(Event::deadlock);
  check(Event::wait);
  finding.phase = Phase::over;
  CHECK(plainly(finding).ends_with("; 2 more threads wait"));
  finding.event = Event::deadlock;
  CHECK(plainly(finding).ends_with("; 3 other threads wait"));
}

}  // namespace holdwatch
