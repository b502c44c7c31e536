// The rules of symbolizer/report/headline.h.
#include "symbolizer/report/headline.h"

#include "tests/catch.h"
#include "tests/unit/report_samples.h"

using namespace holdwatch;

TEST_CASE("a thread without a name is its number") {
  CHECK(thread_label(7, "") == "7");
  CHECK(thread_label(7, "main") == "7 \"main\"");
}

TEST_CASE("a hold from before the attachment is reported with an unknown beginning") {
  Report report = sample_report();
  report.holders.resize(1);
  CHECK(headline(report).find("since before the attach") == std::string::npos);
  report.holders[0].before_attach = true;
  CHECK(headline(report).find(" at least, since before the attach (limit ") != std::string::npos);
}

TEST_CASE("threads that were only counted wait too") {
  Report report = sample_report();
  CHECK(waiting_threads(report) == 37);
  report.waiters_left_out = 3;
  CHECK(waiting_threads(report) == 40);
}

TEST_CASE("activity is the thread's state and what it is in") {
  ReportHolder holder;
  holder.state = ThreadState::running;
  CHECK(activity(holder) == "running");
  holder.doing = "running";
  CHECK(activity(holder) == "running");
  holder.state = ThreadState::blocked;
  holder.doing = "poll(fd 3)";
  CHECK(activity(holder) == "blocked in poll(fd 3)");
  holder.doing = "waits for thread 5 \"relay\" to exit";
  CHECK(activity(holder) == holder.doing);
  holder.doing = "poll(fd 3)";
  holder.state = ThreadState::stopped;
  CHECK(activity(holder) == "stopped in poll(fd 3)");
  holder.state = ThreadState::blocked;
  holder.waits_for = "L4";
  holder.doing = "futex(L4)";
  CHECK(activity(holder) == "waits for L4, in futex(L4)");
  holder.waits_for.clear();
  holder.doing.clear();
  CHECK(activity(holder) == "blocked");
  holder.state = ThreadState::gone;
  CHECK(activity(holder) == "gone: the thread has exited");
}

TEST_CASE("only a thread that has not run at all is called frozen") {
  Report report = sample_report();
  report.phase = Phase::still;
  report.holders[0].moved = false;
  report.holders[0].state = ThreadState::running;
  CHECK(headline(report).find("same stack (running)") != std::string::npos);
  report.holders[0].state = ThreadState::blocked;
  CHECK(headline(report).find("; same stack;") != std::string::npos);
  report.holders[0].ran = true;
  CHECK(headline(report).find("; same stack, but it ran in between;") != std::string::npos);
  report.holders[0].ran = false;
  CHECK(headline(report).find("; same stack (frozen);") != std::string::npos);
  report.holders[0].moved.reset();
  CHECK(headline(report).find("its current position is unknown") != std::string::npos);
}

TEST_CASE("an abandoned lock's first line names the holder that has ended, also beside one that has not") {
  Report report = sample_report();
  report.event = Event::abandoned;
  report.holders.push_back(report.holders[0]);
  report.holders[1].tid = 4712;
  report.holders[1].thread = "careless";
  report.holders[1].state = ThreadState::gone;
  const std::string waits = "; 37 threads wait";
  CHECK(headline(report).find("thread 4712 \"careless\" exited while holding rwlock L3 for reading, 12.4 s so far (") ==
        0);
  report.phase = Phase::still;
  CHECK(headline(report) == "L3 still held by 4712 \"careless\", which has exited, 12.4 s" + waits);
  report.phase = Phase::released;
  CHECK(headline(report).find("L3, which 4712 \"careless\" held when it exited, was released after 12.4 s; ") == 0);
}

TEST_CASE("a hold without waiters says so") {
  Report report = sample_report();
  report.phase = Phase::released;
  report.threads_delayed = 0;
  report.lost_ns = 0;
  CHECK(headline(report) == "L3 is no longer held by 4711 \"bcast\", after 12.4 s; no waiters seen");
  report.released_by_holder = true;
  CHECK(headline(report) == "L3 released by 4711 \"bcast\" after 12.4 s; no waiters seen");
}

TEST_CASE("a report without holders or waiters is still a sentence") {
  for (const Event event : {Event::hold, Event::wait, Event::deadlock, Event::self_deadlock, Event::abandoned,
                            Event::fork_orphan, Event::corrupt, Event::lock_order, Event::read_recursion}) {
    for (const Phase phase : {Phase::over, Phase::still, Phase::released, Phase::late, Phase::snapshot}) {
      Report report = sample_report();
      report.event = event;
      report.phase = phase;
      report.holders.clear();
      report.waiters.clear();
      CHECK(headline(report).find("L3") != std::string::npos);
    }
  }
}
