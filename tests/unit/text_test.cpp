// The rules of symbolizer/report/text.cpp.

#include "tests/catch.h"
#include "tests/unit/report_samples.h"

using namespace holdwatch;

namespace {

std::string first_line(const Report& report) {
  const std::string text = render_text(report);
  return text.substr(0, text.find('\n'));
}

bool says(const Report& report, const std::string& what) {
  return render_text(report).find(what) != std::string::npos;
}

}  // namespace

TEST_CASE("the chat room's story") {
  CHECK(
      render_text(sample_report()) ==
      R"(holdwatch[4700]: thread 4711 "bcast" has held rwlock L3 for reading 12.4 s (limit 1 s); 37 threads wait, longest 12.1 s
  lock    L3 rwlock 0x55d0c81f20 Room::members_mx
  taken   #0 Room::broadcast(std::string const&)    room.cpp:41  std::shared_lock lock(members_mx);
          #1 Server::on_message(Session&, Message)  server.cpp:88
          #2 worker_main(void*)                     server.cpp:140
  now     blocked in sendto(fd 41 -> 10.2.3.4:443, 96 KiB unsent)
          #0 __libc_send                            libc.so.6+0x10a3ad
          #1 Session::send(std::string const&)      session.cpp:27
          #2 Room::broadcast(std::string const&)    room.cpp:43  <- took L3  member->send(text);
          ... rest as under "taken"
  waits   1 thread to write, 12.1 s: 4720 "join"
          #0 Room::add(Session&)                    room.cpp:22
          36 threads to read, longest 11.9 s: 4721, 4722, 4723 ...
          #0 Room::size()                           room.cpp:60
  report  2025-11-23T19:35:12.123Z on chat1, chatroom, episode 17, fingerprint 00c0ffee00c0ffee
)");
}

TEST_CASE("a holder that stayed in its call is one line") {
  Report report = sample_report();
  report.phase = Phase::still;
  report.holders[0].held_ns = 24'800 * kMillisecondNs;
  report.holders[0].moved = false;
  report.holders[0].ran = false;
  CHECK(render_text(report) ==
        "holdwatch[4700]: L3 still held by 4711 \"bcast\", 24.8 s; same stack (frozen); 37 threads wait\n");
}

TEST_CASE("a holder that moved is shown where it is now") {
  Report report = sample_report();
  report.phase = Phase::still;
  report.holders[0].moved = true;
  CHECK(
      render_text(report) ==
      R"(holdwatch[4700]: L3 still held by 4711 "bcast", 12.4 s; moved: now blocked in sendto(fd 41 -> 10.2.3.4:443, 96 KiB unsent); 37 threads wait
  now     #0 __libc_send                            libc.so.6+0x10a3ad
          #1 Session::send(std::string const&)      session.cpp:27
          #2 Room::broadcast(std::string const&)    room.cpp:43  <- took L3  member->send(text);
          #3 Server::on_message(Session&, Message)  server.cpp:88
          #4 worker_main(void*)                     server.cpp:140
)");
}

TEST_CASE("the release is one line with the whole duration and what it cost") {
  Report report = sample_report();
  report.phase = Phase::released;
  report.released_by_holder = true;
  report.holders[0].held_ns = 31'200 * kMillisecondNs;
  report.threads_delayed = 61;
  report.lost_ns = 843 * kSecondNs;
  CHECK(render_text(report) ==
        "holdwatch[4700]: L3 released by 4711 \"bcast\" after 31.2 s; 61 threads lost 14 min 3 s waiting\n");
}

TEST_CASE("a late report is in the past tense and shows the release") {
  Report report = sample_report();
  report.phase = Phase::late;
  report.waiters.clear();
  report.threads_delayed = 1;
  report.lost_ns = 2 * kSecondNs;
  CHECK(first_line(report) ==
        "holdwatch[4700]: thread 4711 \"bcast\" held rwlock L3 for reading 12.4 s (limit 1 s); detected only at "
        "release; 1 thread lost 2 s waiting");
  CHECK(says(report, "\n  release #0 __libc_send"));
  CHECK_FALSE(says(report, "blocked in"));
}

TEST_CASE("several readers: the longest is named, each has its stacks") {
  Report report = sample_report();
  report.holders.push_back(sample_holder());
  report.holders[1].tid = 4712;
  report.holders[1].held_ns = 3 * kSecondNs;
  report.holders[1].now.frames[1].function = "Session::flush()";
  CHECK(first_line(report) ==
        "holdwatch[4700]: thread 4711 \"bcast\" and 1 more reader have held rwlock L3 for reading, longest 12.4 s "
        "(limit 1 s); 37 threads wait, longest 12.1 s");
  CHECK(says(report, "  holder  4711 \"bcast\", reading, 12.4 s\n  taken   #0 Room::broadcast"));
  CHECK(says(report, "  holder  4712 \"bcast\", reading, 3 s\n  taken   (same stack)\n  now     blocked in"));
  CHECK(says(report, "Session::flush()"));
}

TEST_CASE("a crowd of readers is not shown one by one") {
  Report report = sample_report();
  report.holders.resize(50, sample_holder());
  CHECK(says(report, "  holder  46 more: 4711, 4711, 4711 ...\n"));
  CHECK(render_text(report).size() < 4000);
}

TEST_CASE("a mutex has no modes, and one thread is singular") {
  Report report = sample_report();
  report.lock_kind = LockKind::mutex;
  report.holders[0].access = Access::exclusive;
  report.waiters.pop_back();
  CHECK(first_line(report) ==
        "holdwatch[4700]: thread 4711 \"bcast\" has held mutex L3 12.4 s (limit 1 s); 1 thread waits, 12.1 s");
  CHECK(says(report, "  waits   1 thread, 12.1 s: 4720 \"join\"\n"));
}

TEST_CASE("a writer holds for writing, with or without waiters") {
  Report report = sample_report();
  report.holders[0].access = Access::exclusive;
  report.waiters.clear();
  CHECK(first_line(report) ==
        "holdwatch[4700]: thread 4711 \"bcast\" has held rwlock L3 for writing 12.4 s (limit 1 s); no waiters");
  CHECK_FALSE(says(report, "  waits"));
}

TEST_CASE("later reports and the closing line say where the samples of the holders were") {
  Report report = sample_report();
  report.phase = Phase::released;
  const Frame send = sample_frame(0x401400, "Session::send(std::string const&)", "/src/session.cpp", 27);
  const Frame pack = sample_frame(0x401500, "pack", "/src/zip.cpp", 0);
  report.holders[0].samples = ReportSamples{20, 0, 12, false, 0, {{send, {}, 12}, {pack, send, 8}}, 0, {}};
  CHECK(says(report,
             "  samples 12 of 20 in Session::send(std::string const&) (session.cpp:27)\n"
             "          8 in pack (zip.cpp), within Session::send(std::string const&) (session.cpp:27)\n"));
  report.phase = Phase::still;
  CHECK(says(report, "  samples 12 of 20 in "));
  report.holders.push_back(report.holders[0]);
  CHECK(says(report, "  samples 4711 \"bcast\": 12 of 20 in "));
}

TEST_CASE("how often a lock must be released is said only while it is held") {
  Report report = sample_report();
  report.holders[0].depth = 3;
  report.phase = Phase::late;
  CHECK_FALSE(says(report, "must release it"));
}

TEST_CASE("a late report says whether the hold was seen before it ended") {
  Report report = sample_report();
  report.phase = Phase::late;
  CHECK(says(report, "; detected only at release; "));
  report.was_seen = true;
  CHECK(says(report, "; released before it could be reported; "));
  report.had_fallback_report = true;
  CHECK(says(report, "; released before the full report; "));
}

TEST_CASE("what is a guess says likely") {
  Report report = sample_report();
  report.holders[0].likely = true;
  CHECK(says(report, "\"bcast\" has likely held rwlock L3"));
  CHECK(says(report, "  note    likely: the lock's own fields do not name 4711 as its holder\n"));
}

TEST_CASE("missing parts are mentioned, with the reason") {
  Report report = sample_report();
  report.holders[0].now = {};
  report.holders[0].now.note = "thread exited";
  report.holders[0].now_took.reset();
  report.holders[0].depth = 3;
  report.waiters_left_out = 12;
  report.unrecorded_holds = 1;
  report.note = "one more thing";
  CHECK(says(report, "96 KiB unsent)\n          (thread exited)\n"));
  CHECK(says(report, "  note    4711 has taken L3 3 times and must release it as many times\n"));
  CHECK(says(report, "          12 more threads wait; their stacks were not captured\n"));
  CHECK(says(report, "  note    1 hold was not recorded since start"));
  CHECK(says(report, "  note    one more thing\n"));
  CHECK(says(report, "; 49 threads wait"));
}

TEST_CASE("waiters in the same place but another mode share one stack") {
  Report report = sample_report();
  report.waiters[1].stack = report.waiters[0].stack;
  CHECK(says(report, "36 threads to read, longest 11.9 s: 4721, 4722, 4723 ... (same stack)\n  report"));
}

TEST_CASE("waiters in very many places are counted at the end") {
  Report report = sample_report();
  for (int i = 0; i < 10; ++i) {
    report.waiters.push_back(sample_readers(2));
    report.waiters.back().stack.frames[0].ip += static_cast<uintptr_t>(i);
  }
  CHECK(says(report, "          8 more threads in 4 other places not shown\n"));
}

TEST_CASE("a long wait begins with the waiter and lists the holders") {
  Report report = sample_report();
  report.event = Event::wait;
  report.limit_ns = 5 * kSecondNs;
  report.holders[0].held_ns = 850 * kMillisecondNs;
  CHECK(first_line(report) ==
        "holdwatch[4700]: thread 4720 \"join\" has waited 12.1 s for rwlock L3 to write (limit 5 s); now held by 4711 "
        "\"bcast\", 850 ms; 36 more threads wait");
  const std::string text = render_text(report);
  CHECK(text.find("  waits ") < text.find("  holder  4711 \"bcast\", reading, 850 ms\n"));
  report.phase = Phase::released;
  CHECK(render_text(report) ==
        "holdwatch[4700]: 4720 \"join\" no longer waits for L3, after 12.1 s; 37 threads lost 6 min 40 s waiting\n");
}

TEST_CASE("a wait without a known holder says so") {
  Report report = sample_report();
  report.event = Event::wait;
  report.holders.clear();
  CHECK(says(report, "; holder unknown; 36 more threads wait\n"));
}

TEST_CASE("every event has a first line of its own that names the lock") {
  Report report = sample_report();
  report.holders[0].waits_for = "L4";
  const auto line = [&](Event event) {
    report.event = event;
    return first_line(report);
  };
  CHECK(line(Event::deadlock) == "holdwatch[4700]: deadlock of rwlock L3; 37 other threads wait");
  CHECK(line(Event::self_deadlock).find("waits for rwlock L3, which it holds itself") != std::string::npos);
  CHECK(line(Event::abandoned).find("exited while holding rwlock L3 for reading") != std::string::npos);
  CHECK(line(Event::fork_orphan).find("rwlock L3 can never be acquired in this process") != std::string::npos);
  CHECK(line(Event::corrupt).find("for rwlock L3 to write, which was unlocked more often than locked (limit ") !=
        std::string::npos);
  CHECK(line(Event::lock_order).find("rwlock L3 is taken in conflicting orders") != std::string::npos);
  CHECK(line(Event::read_recursion).find("read-locks rwlock L3 again") != std::string::npos);
  report.edges = {{"L1", "L2", 1, sample_taken()}, {"L2", "L1", 2, sample_now()}};
  CHECK(line(Event::lock_order) ==
        "holdwatch[4700]: locks are taken in conflicting orders, which can deadlock: 1 took L1, "
        "then L2, 2 took L2, then L1");
  CHECK(says(report, "  order   1 took L1, then L2\n          #0 Room::broadcast"));
}

TEST_CASE("a snapshot has no limit") {
  Report report = sample_report();
  report.phase = Phase::snapshot;
  report.limit_ns = 0;
  CHECK(first_line(report) ==
        "holdwatch[4700]: snapshot: thread 4711 \"bcast\" has held rwlock L3 for reading 12.4 s; "
        "37 threads wait, longest 12.1 s");
}

TEST_CASE("a name from the program cannot forge a line of the report") {
  Report report = sample_report();
  report.holders[0].thread = "x\"\nholdwatch[1]: ";
  report.holders[0].doing = "open(\"a\n\")";
  report.lock_name = "m\x1b[2J";
  report.waiters[0].stack.frames[0].file = "/src/a\nb.cpp";
  const std::string text = render_text(report);
  CHECK(text.find("\nholdwatch[1]") == std::string::npos);
  CHECK(text.find('\x1b') == std::string::npos);
  CHECK(text.find("4711 \"x\\\"\\x0aholdwatch[1]: \"") != std::string::npos);
  CHECK(text.find("a\\x0ab.cpp:22") != std::string::npos);
}

TEST_CASE("a time that is not known is left out") {
  Report report = sample_report();
  report.event = Event::wait;
  report.phase = Phase::snapshot;
  report.limit_ns = 0;
  report.holders[0].held_ns = 0;
  for (ReportWaiters& group : report.waiters) group.longest_ns = 0;
  CHECK(first_line(report) ==
        "holdwatch[4700]: snapshot: thread 4720 \"join\" waits for rwlock L3 to write; now held by 4711 \"bcast\"; "
        "36 more threads wait");
  CHECK(says(report, "holder  4711 \"bcast\", reading\n"));
  CHECK(says(report, "waits   1 thread to write: 4720 \"join\"\n"));
  report.holders[0].unseen = true;
  CHECK(says(report, "holder  4711 \"bcast\", reading\n"));
  report.holders[0].held_ns = kSecondNs;
  CHECK(says(report, "holder  4711 \"bcast\", reading, 1 s at least\n"));
}

TEST_CASE("of two acquisitions that are not known, nothing is called the same") {
  Report report = sample_report();
  report.holders[0].taken = Stack();
  report.holders[0].taken.note = "not known";
  report.holders.push_back(report.holders[0]);
  report.holders[1].now.frames.pop_back();
  CHECK(says(report, "taken   (not known)\n"));
  CHECK_FALSE(says(report, "taken   (same stack)"));
}

TEST_CASE("a deadlock with a holder that is not proven is a likely one") {
  Report report = sample_report();
  report.event = Event::deadlock;
  report.holders[0].likely = true;
  CHECK(first_line(report).starts_with("holdwatch[4700]: likely deadlock of "));
}

TEST_CASE("a deadlock's first line goes once around") {
  Report report = deadlock_report();
  CHECK(first_line(report) ==
        "holdwatch[4700]: deadlock of 2 threads for 2 s: 4711 \"bcast\" holds L3 and waits for L4, "
        "4712 \"join\" holds L4 and waits for L3; 37 other threads wait");
  report.cycle[1].waited_ns = 0;
  CHECK(first_line(report).starts_with("holdwatch[4700]: deadlock of 2 threads: 4711"));
  report.phase = Phase::still;
  CHECK(first_line(report) == "holdwatch[4700]: deadlock of L3 and L4 continues; 37 other threads wait");
  report.phase = Phase::released;
  CHECK(first_line(report) == "holdwatch[4700]: the deadlock of L3 and L4 is over; 37 threads lost 6 min 40 s waiting");
}

TEST_CASE("a deadlock of many threads names the first four") {
  Report report = deadlock_report();
  for (int tid = 5; tid <= 10; ++tid) report.cycle.push_back({tid, "L9", "L9", LockKind::mutex, 0x9, "", 1});
  report.waiters.clear();
  CHECK(first_line(report).find("6 holds L9 and waits for L9, and 4 more; no other waiters") != std::string::npos);
  report.phase = Phase::still;
  CHECK(first_line(report).find("deadlock of L3, L4, L9, L9 and 4 more continues") != std::string::npos);
}

TEST_CASE("a deadlock's details say which lock each thread has, and which one the others wait for") {
  Report report = deadlock_report();
  report.waiters[0].lock_id = "L4";
  CHECK(says(report, "  locks   L3 rwlock 0x55d0c81f20 Room::members_mx\n          L4 mutex 0x40\n"));
  CHECK(says(report, "  holder  4711 \"bcast\" of L3, reading, 12.4 s\n"));
  CHECK(says(report, "  holder  4712 \"join\" of L4, 3 s\n"));
  CHECK(says(report, "1 thread for L4, longest") == false);
  CHECK(says(report, "  waits   1 thread for L4, 12.1 s: 4720 \"join\"\n"));
}

TEST_CASE("a thread that waits for a lock that it holds is reported from beginning to end") {
  Report report = sample_report();
  report.event = Event::self_deadlock;
  report.waiters.clear();
  report.cycle = {{4711, "L3", "L3", LockKind::rwlock, 0x3, "", 2'000'000'000}};
  CHECK(first_line(report) ==
        "holdwatch[4700]: thread 4711 \"bcast\" has waited 2 s for rwlock L3, which it holds itself for reading; "
        "no other waiters");
  report.phase = Phase::still;
  CHECK(first_line(report) ==
        "holdwatch[4700]: 4711 \"bcast\" still waits for L3, which it holds itself, 2 s; no other waiters");
  report.phase = Phase::released;
  CHECK(first_line(report).starts_with("holdwatch[4700]: 4711 \"bcast\" no longer waits for L3, which it held"));
}

TEST_CASE("the holds that passed a waiting thread by") {
  Report report = starving_report();
  CHECK(first_line(report).find("(limit 1 s); at least 37 holds passed it by; now held by 4711") != std::string::npos);
  CHECK(says(report, R"(
  passed  at least 37 holds since 4720 "join" began to wait
          30 taken for reading in Cache::get(int), cache.cpp:41 (7 threads)
          5 taken for writing in Cache::evict(), cache.cpp:90 (1 thread)
          2 more, at places that were not noted
          the lock prefers readers: 30 of these holds were for reading, while it waits to write
)"));
  report.passed->prefers_readers = false;
  CHECK_FALSE(says(report, "prefers readers"));
  report.passed->prefers_readers = true;
  report.passed->writes = false;
  CHECK_FALSE(says(report, "prefers readers"));
  report.phase = Phase::released;
  report.waiters.clear();
  CHECK(says(report, "; at least 37 holds passed 4720 \"join\" by\n  passed  at least 37 holds"));
}

TEST_CASE("waiters that poll") {
  Report report = sample_report();
  report.waiters[0].tries = 480;
  CHECK(says(report, "37 threads wait, longest 12.1 s, 1 of them polling\n"));
  CHECK(says(report, "waits   1 thread to write, 12.1 s, polling, at least 480 tries in vain: 4720 \"join\""));
  report.event = Event::wait;
  CHECK(says(report, "(limit 1 s), polling; now held by"));
}

TEST_CASE("a root in another process is called a process, unless it is known which of its threads has a lock") {
  Report report = sample_report();
  ReportWait wait;
  wait.kind = WaitKind::socket;
  report.chain = {{381, 381, "python3", "", {}, ""}, {0, 4711, "bcast", "L3", wait, ""}};
  report.steps_to_holder = 1;
  report.tree_threads = 38;
  CHECK(says(report, "\n  root    process 381 \"python3\"; at least 38 threads of this process wait for it, directly"));
  report.chain[1].wait->kind = WaitKind::mutex;
  report.chain[0].tid = 382;
  CHECK(says(report,
             "\n  root    382 \"python3\" of process 381; at least 38 threads of this process wait for it, directly"));
  report.chain[0].pid = 0;
  CHECK(says(report, "\n  root    382 \"python3\"; at least 38 threads wait for it, directly"));
}

TEST_CASE("a thread of another process on the way to a root there is not one of those here") {
  Report report = sample_report();
  ReportWait wait;
  wait.kind = WaitKind::child;
  report.chain = {{500, 500, "child", "", {}, ""}, {381, 381, "keeper", "L3", wait, ""}};
  report.steps_to_holder = 1;
  report.tree_threads = 38;
  CHECK(says(report, "; at least 37 threads of this process wait for it, directly"));
}
