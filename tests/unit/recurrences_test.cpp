// The rules of symbolizer/report/recurrences.h.
#include "symbolizer/report/recurrences.h"

#include "tests/catch.h"
#include "tests/unit/report_samples.h"

using namespace holdwatch;

namespace {

constexpr uint64_t kMinuteNs = 60 * kSecondNs;

// Holds of one thread after another at the same place in the code.
class Story {
 public:
  ShownAs begin(uint64_t episode, uint64_t held_ns = 2 * kSecondNs) { return note(episode, Phase::over, held_ns); }
  ShownAs go_on(uint64_t episode, uint64_t held_ns) { return note(episode, Phase::still, held_ns); }
  ShownAs end(uint64_t episode, uint64_t held_ns) { return note(episode, Phase::released, held_ns); }
  ShownAs late(uint64_t episode, uint64_t held_ns) { return note(episode, Phase::late, held_ns); }

  ShownAs note(uint64_t episode, Phase phase, uint64_t held_ns) {
    report.holders = {sample_holder()};
    report.holders[0].held_ns = held_ns;
    report.phase = phase;
    report.episode = episode;
    holder.site_count = 1;
    holder.sites[0].pc = place;
    finding.event = report.event;
    finding.holders = &holder;
    finding.holder_count = 1;
    report.recurrence = {};
    recurrences.note(finding, report, now_ns);
    return report.recurrence.shown_as;
  }

  void use_fault(const std::string& fingerprint, uintptr_t pc) {
    report.fingerprint = fingerprint;
    place = pc;
  }

  Recurrences recurrences;
  Holder holder{};
  Finding finding{};
  Report report = [] {
    Report made;
    made.fingerprint = "78bee65680644a39";
    made.lost_ns = 3 * kSecondNs;
    return made;
  }();
  uintptr_t place = 0x401100;
  uint64_t now_ns = 1000 * kSecondNs;
};

}  // namespace

TEST_CASE_METHOD(Story, "what was not seen before is shown in full, with all that follows") {
  CHECK(begin(1) == ShownAs::report);
  CHECK(go_on(1, 4 * kSecondNs) == ShownAs::report);
  CHECK(end(1, 5 * kSecondNs) == ShownAs::report);
  use_fault("0123456789abcdef", 0x402000);
  CHECK(begin(2) == ShownAs::report);
  CHECK(report.recurrence.times == 1);
}

TEST_CASE_METHOD(Story, "what returns is one line, then nothing until a period is over, which doubles up to an hour") {
  begin(1);
  end(1, 2 * kSecondNs);
  uint64_t episode = 2;
  const auto once_more = [&] {
    const ShownAs shown = begin(episode);
    CHECK(end(episode++, 2 * kSecondNs) == ShownAs::nothing);
    return shown;
  };
  CHECK(once_more() == ShownAs::line);
  for (uint64_t minutes : {1, 2, 4, 8, 16, 32, 60, 60}) {
    now_ns += minutes * kMinuteNs - 1;
    CHECK(once_more() == ShownAs::nothing);
    now_ns += 1;
    CHECK(once_more() == ShownAs::line);
  }
  CHECK(report.recurrence.times == episode - 1);
  CHECK(report.recurrence.first_episode == 1);
  CHECK(report.recurrence.lost_ns == (episode - 1) * 3 * kSecondNs);
}

TEST_CASE_METHOD(Story,
                 "an episode that lasts more than twice as long as those before it is shown, as one that begins") {
  begin(1);
  end(1, 3 * kSecondNs);
  CHECK(begin(2) == ShownAs::line);
  CHECK(go_on(2, 4 * kSecondNs) == ShownAs::nothing);
  CHECK(go_on(2, 8 * kSecondNs) == ShownAs::beginning);
  CHECK(go_on(2, 16 * kSecondNs) == ShownAs::report);
  CHECK(end(2, 17 * kSecondNs) == ShownAs::report);
  begin(3);
  CHECK(go_on(3, 32 * kSecondNs) == ShownAs::nothing);
}

TEST_CASE_METHOD(Story, "of many threads that are stuck in one place, the oldest is shown") {
  for (uint64_t episode = 1; episode <= 100; ++episode) begin(episode);
  for (uint64_t age_ns = 4 * kSecondNs; age_ns < 1000 * kSecondNs; age_ns *= 2) {
    CHECK(go_on(1, age_ns) == ShownAs::report);
    for (uint64_t episode = 2; episode <= 100; ++episode) CHECK(go_on(episode, age_ns) == ShownAs::nothing);
  }
}

TEST_CASE_METHOD(Story, "a hold that turns out to be abandoned is shown, as one that begins") {
  begin(1);
  begin(2);
  report.event = Event::abandoned;
  CHECK(go_on(2, 4 * kSecondNs) == ShownAs::beginning);
}

TEST_CASE_METHOD(Story, "what ended before it was seen counts as well") {
  CHECK(late(1, 2 * kSecondNs) == ShownAs::report);
  CHECK(late(2, 9 * kSecondNs) == ShownAs::line);
  CHECK(late(3, 2 * kSecondNs) == ShownAs::nothing);
  CHECK(report.recurrence.longest_ns == 9 * kSecondNs);
}

TEST_CASE_METHOD(Story, "deadlocks and snapshots are always shown") {
  report.event = Event::deadlock;
  CHECK(begin(1) == ShownAs::report);
  CHECK(begin(2) == ShownAs::report);
  report.event = Event::hold;
  begin(3);
  CHECK(note(4, Phase::snapshot, kSecondNs) == ShownAs::report);
}

TEST_CASE_METHOD(Story, "a first line waits for the fingerprint only where the same place was reported before") {
  finding.holders = &holder;
  finding.holder_count = 1;
  holder.site_count = 1;
  holder.sites[0].pc = place;
  CHECK(recurrences.is_new_place(finding));
  begin(1);
  CHECK_FALSE(recurrences.is_new_place(finding));
  holder.sites[0].pc = place + 5;
  CHECK(recurrences.is_new_place(finding));
  finding.event = Event::deadlock;
  holder.sites[0].pc = place;
  CHECK(recurrences.is_new_place(finding));
}

TEST_CASE_METHOD(Story, "at the end what has returned since the last line is told once") {
  begin(1);
  end(1, 2 * kSecondNs);
  CHECK(recurrences.take_untold().empty());
  for (uint64_t episode = 2; episode <= 4; ++episode) {
    begin(episode);
    end(episode, 2 * kSecondNs);
  }
  CHECK(recurrences.take_untold() ==
        std::vector<std::string>{"what episode 1 reported (fingerprint 78bee65680644a39) has returned 2 more times, "
                                 "longest 2 s, 12 s lost waiting"});
  CHECK(recurrences.take_untold().empty());
}

TEST_CASE_METHOD(Story, "what has returned by the end of a period is told then, though it does not return any more") {
  begin(1);
  end(1, 2 * kSecondNs);
  CHECK(recurrences.next_untold_ns() == UINT64_MAX);
  report.lost_ns = 0;
  for (uint64_t episode = 2; episode <= 4; ++episode) {
    begin(episode);
    end(episode, 2 * kSecondNs);
  }
  const uint64_t told_ns = now_ns;  // the second one, in a line at once
  CHECK(recurrences.next_untold_ns() == told_ns + kMinuteNs);
  CHECK(recurrences.take_untold(told_ns + kMinuteNs - 1).empty());
  CHECK(recurrences.take_untold(told_ns + kMinuteNs) ==
        std::vector<std::string>{"what episode 1 reported (fingerprint 78bee65680644a39) has returned 2 more times, "
                                 "longest 2 s, 3 s lost waiting"});
  CHECK(recurrences.next_untold_ns() == UINT64_MAX);
  CHECK(recurrences.take_untold().empty());
  now_ns = told_ns + kMinuteNs + 1;
  CHECK(begin(5) == ShownAs::nothing);
  CHECK(recurrences.next_untold_ns() == told_ns + 3 * kMinuteNs);
}

TEST_CASE_METHOD(Story, "that no time was lost is not mentioned") {
  report.lost_ns = 0;
  for (uint64_t episode = 1; episode <= 3; ++episode) {
    begin(episode);
    end(episode, 2 * kSecondNs);
  }
  CHECK(recurrences.take_untold() ==
        std::vector<std::string>{"what episode 1 reported (fingerprint 78bee65680644a39) has returned 1 more time, "
                                 "longest 2 s"});
}

TEST_CASE_METHOD(Story, "a hundred thousand different faults are bounded, and so are the lines at the end") {
  for (uint64_t fault = 1; fault <= 100'000; ++fault) {
    use_fault(std::to_string(fault), fault);
    now_ns += 1;
    CHECK(begin(fault) == ShownAs::report);
  }
  for (uint64_t fault = 99'000; fault <= 100'000; ++fault)
    for (uint64_t again = 0; again < 2; ++again) {
      use_fault(std::to_string(fault), fault);
      CHECK(begin(200'000 + 2 * fault + again) == (again == 0 ? ShownAs::line : ShownAs::nothing));
    }
  const std::vector<std::string> lines = recurrences.take_untold();
  REQUIRE(lines.size() == 21);
  CHECK(lines.back() == "so have 981 other reports");
}
