// The rules of symbolizer/tools/inspect/reports.h.
#include "symbolizer/tools/inspect/reports.h"

#include <algorithm>

#include "tests/catch.h"
#include "tests/unit/report_samples.h"

using namespace holdwatch;

namespace {

SeenThread thread_in(int tid, const std::string& function) {
  SeenThread thread;
  thread.tid = tid;
  thread.name = "t" + std::to_string(tid);
  thread.stack.frames = {libc_frame(0x7f0000000100, "pthread_mutex_lock"),
                         sample_frame(0x401000 + static_cast<uintptr_t>(function.size()), function, "a.cpp", 1)};
  thread.stack.complete = true;
  return thread;
}

SeenLock lock_at(uintptr_t address, std::vector<int> holders, const std::vector<int>& waiters) {
  SeenLock lock;
  lock.lock = {address, LockKind::mutex};
  lock.holders = std::move(holders);
  for (const int tid : waiters) lock.waits.push_back({tid, Access::exclusive, false});
  return lock;
}

Observation seen(std::vector<SeenLock> locks) {
  Observation out;
  out.pid = 1;
  out.host = "host";
  out.executable = "/bin/server";
  out.locks = std::move(locks);
  for (int tid = 1; tid < 10; ++tid) out.threads[tid] = thread_in(tid, std::string(static_cast<size_t>(10 - tid), 'f'));
  return out;
}

}  // namespace

TEST_CASE("a cycle is one report that shows which thread holds what and waits for what") {
  const std::vector<Report> reports = reports_of(seen({lock_at(0x10, {1}, {2}), lock_at(0x20, {2}, {1})}));
  REQUIRE(reports.size() == 1);
  const Report& report = reports[0];
  CHECK(report.event == Event::deadlock);
  CHECK(is_forever(report));
  REQUIRE(report.cycle.size() == 2);
  CHECK(report.cycle[0].holds == "L1");
  CHECK(report.cycle[0].waits_for == "L2");
  CHECK(report.cycle[1].holds == "L2");
  CHECK(report.cycle[1].waits_for == "L1");
  CHECK(report.lock_id == "L1");
  CHECK(report.holders[0].tid == report.cycle[0].tid);
  CHECK(report.holders[0].waits_for == "L2");
  CHECK(report.waiters.empty());
}

TEST_CASE("a cycle is shown from the same thread on, whatever the thread ids are") {
  const std::vector<Report> one = reports_of(seen({lock_at(0x10, {1}, {2}), lock_at(0x20, {2}, {1})}));
  Observation other = seen({lock_at(0x10, {1}, {2}), lock_at(0x20, {2}, {1})});
  std::swap(other.threads[1].stack, other.threads[2].stack);
  const std::vector<Report> two = reports_of(other);
  CHECK(one[0].holders[0].tid != two[0].holders[0].tid);
  CHECK(one[0].fingerprint == two[0].fingerprint);
}

TEST_CASE("threads that wait for a cycle's locks, or behind those who do, are part of the report about it") {
  Observation observation = seen({lock_at(0x10, {1}, {2, 3}), lock_at(0x20, {2}, {1, 4}), lock_at(0x30, {4}, {5})});
  for (int tid = 1; tid <= 5; ++tid) observation.threads[tid].asleep_ns = static_cast<uint64_t>(tid);
  const std::vector<Report> reports = reports_of(observation);
  REQUIRE(reports.size() == 1);
  CHECK(reports[0].event == Event::deadlock);
  std::vector<std::string> waited_for;
  for (const ReportWaiters& group : reports[0].waiters) waited_for.push_back(group.lock_id);
  std::sort(waited_for.begin(), waited_for.end());
  CHECK(waited_for == std::vector<std::string>{"L1", "L2"});
  CHECK(reports[0].threads_delayed == 2);
  CHECK(reports[0].behind_threads == 1);
  CHECK(reports[0].tree_threads == 5);
  CHECK(reports[0].tree_lost_ns == 1 + 2 + 3 + 4 + 5);
  CHECK(reports[0].chain.empty());
}

TEST_CASE("a thread that waits for what it holds is a self-deadlock") {
  const std::vector<Report> reports = reports_of(seen({lock_at(0x10, {1}, {1})}));
  REQUIRE(reports.size() == 1);
  CHECK(reports[0].event == Event::self_deadlock);
  CHECK(reports[0].waiters.empty());
  REQUIRE(reports[0].cycle.size() == 1);
  CHECK(reports[0].cycle[0].waits_for == reports[0].cycle[0].holds);
}

TEST_CASE("a cycle with a thread that waits with a timeout ends, and is not a deadlock") {
  Observation observation = seen({lock_at(0x10, {1}, {2}), lock_at(0x20, {2}, {1})});
  observation.locks[1].waits[0].timed = true;
  const std::vector<Report> reports = reports_of(observation);
  REQUIRE(reports.size() == 2);
  for (const Report& report : reports) {
    CHECK(report.event == Event::wait);
    CHECK_FALSE(is_forever(report));
    CHECK(report.note == "it is part of a cycle of waits that ends by itself: 1 waits with a timeout");
  }
}

TEST_CASE("a cycle in which one waits to read behind a writer with a timeout ends when that one gives up") {
  Observation observation = seen({lock_at(0x10, {1}, {2}), lock_at(0x20, {2}, {1, 3})});
  SeenLock& rwlock = observation.locks[1];
  rwlock.lock.kind = LockKind::rwlock;
  rwlock.held_as = Access::shared;
  rwlock.waits[0].access = Access::shared;
  CHECK(is_forever(reports_of(observation)[0]));
  rwlock.waits[1].timed = true;
  const std::vector<Report> reports = reports_of(observation);
  REQUIRE(reports.size() == 2);
  for (const Report& report : reports) {
    CHECK(report.event == Event::wait);
    CHECK(report.note == "it is part of a cycle of waits that ends by itself: 3 waits with a timeout");
  }
  rwlock.waits.pop_back();
  for (const Report& report : reports_of(observation)) CHECK_FALSE(is_forever(report));
}

TEST_CASE("a thread that waits with a timeout for what it holds is in no deadlock") {
  Observation observation = seen({lock_at(0x10, {1}, {1})});
  observation.locks[0].waits[0].timed = true;
  const std::vector<Report> reports = reports_of(observation);
  REQUIRE(reports.size() == 1);
  CHECK(reports[0].event == Event::wait);
}

TEST_CASE("an owner that is gone is named by its number") {
  SeenLock lock = lock_at(0x10, {}, {1});
  lock.lost = LostOwner::ended;
  lock.owner = 77;
  std::vector<Report> reports = reports_of(seen({lock}));
  CHECK(reports[0].event == Event::abandoned);
  CHECK(reports[0].holders[0].tid == 77);
  CHECK(reports[0].holders[0].state == ThreadState::gone);
  lock.lost = LostOwner::of_parent;
  CHECK(reports_of(seen({lock}))[0].event == Event::fork_orphan);
  lock.lost = LostOwner::of_other_process;
  reports = reports_of(seen({lock}));
  CHECK(reports[0].event == Event::wait);
  CHECK_FALSE(is_forever(reports[0]));
  CHECK(reports[0].note.find("belongs to another process") != std::string::npos);
}

namespace {

std::string steps(const Report& report) {
  std::string text;
  for (const ReportChainStep& step : report.chain)
    text += (text.empty() ? "" : ", ") + std::to_string(step.tid) + (step.holds.empty() ? "" : " " + step.holds);
  return text;
}

}  // namespace

TEST_CASE("a tree of waiting threads is one report, about the lock that everything hangs on") {
  Observation observation = seen({lock_at(0x10, {1}, {3, 4, 5}), lock_at(0x20, {2}, {1})});
  for (int tid = 1; tid <= 5; ++tid) observation.threads[tid].asleep_ns = static_cast<uint64_t>(tid);
  const std::vector<Report> reports = reports_of(observation);
  REQUIRE(reports.size() == 1);
  const Report& report = reports[0];
  CHECK(report.lock_address == 0x20);
  CHECK(report.note.empty());
  REQUIRE(report.waiters.size() == 1);
  CHECK(report.waiters[0].tids == std::vector<int>{1});
  CHECK(report.threads_delayed == 1);
  CHECK(report.behind_threads == 3);
  CHECK(report.behind_longest_ns == 5);
  CHECK(steps(report) == "2 L1, 1 L2");
  CHECK(report.steps_to_holder == 0);
  CHECK(report.tree_threads == 4);
  CHECK(report.tree_lost_ns == 1 + 3 + 4 + 5);
}

TEST_CASE("if the root holds no lock, the report is about the lock nearest to it") {
  Observation observation = seen({lock_at(0x10, {1}, {3}), lock_at(0x20, {2}, {1})});
  observation.joins = {{2, 9}, {8, 9}, {7, 3}};  // 8 and 7 hold nothing: a main thread joins its workers
  const std::vector<Report> reports = reports_of(observation);
  REQUIRE(reports.size() == 1);
  CHECK(reports[0].lock_address == 0x20);
  CHECK(steps(reports[0]) == "9, 2 L1, 1 L2");
  CHECK(reports[0].steps_to_holder == 1);
  CHECK(reports[0].tree_threads == 3);
}

TEST_CASE("a root that holds several locks has a report for each") {
  const std::vector<Report> reports = reports_of(seen({lock_at(0x10, {1}, {2}), lock_at(0x20, {1}, {3, 4})}));
  REQUIRE(reports.size() == 2);
  CHECK(reports[0].tree_threads == 2);
  CHECK(reports[1].tree_threads == 1);
}

TEST_CASE("of a tree with several branches, the chain leads to the thread that is farthest from the root") {
  const std::vector<Report> reports = reports_of(
      seen({lock_at(0x10, {1}, {2, 3}), lock_at(0x20, {2}, {4}), lock_at(0x30, {3}, {5}), lock_at(0x40, {5}, {6})}));
  REQUIRE(reports.size() == 1);
  CHECK(steps(reports[0]) == "1 L1, 3 L3, 5 L4");
  CHECK(reports[0].behind_threads == 3);
}

TEST_CASE("a long chain is cut, and its other steps are counted") {
  constexpr int kCount = 100;
  Observation observation = seen({});
  for (int tid = 1; tid <= kCount; ++tid) {
    observation.threads[tid] = thread_in(tid, "f");
    if (tid < kCount) observation.locks.push_back(lock_at(static_cast<uintptr_t>(tid) * 16, {tid}, {tid + 1}));
  }
  const std::vector<Report> reports = reports_of(observation);
  REQUIRE(reports.size() == 1);
  CHECK(reports[0].chain.size() == 1 + 64);
  CHECK(reports[0].chain_left_out == kCount - 2 - 64);
  CHECK(reports[0].tree_threads == kCount - 1);
}

TEST_CASE("of several readers, one that waits for nobody is the root") {
  SeenLock lock = lock_at(0x10, {1, 2}, {3});
  lock.lock.kind = LockKind::rwlock;
  lock.held_as = Access::shared;
  const std::vector<Report> reports = reports_of(seen({lock, lock_at(0x20, {4}, {1})}));
  REQUIRE(reports.size() == 2);
  for (const Report& report : reports) CHECK(steps(report) == (report.lock_address == 0x10 ? "2 L1" : "4 L2"));
}

TEST_CASE("a reader in a deadlock keeps others waiting forever, whoever reads besides") {
  SeenLock lock = lock_at(0x30, {5, 1}, {3});
  lock.lock.kind = LockKind::rwlock;
  lock.held_as = Access::shared;
  const std::vector<Report> reports = reports_of(seen({lock_at(0x10, {1}, {2}), lock_at(0x20, {2}, {1}), lock}));
  REQUIRE(reports.size() == 1);
  CHECK(reports[0].event == Event::deadlock);
  CHECK(reports[0].behind_threads == 1);
}

TEST_CASE("a lock is not left out because a guess says that its holder waits for another one") {
  Observation observation = seen({lock_at(0x10, {1}, {3}), lock_at(0x20, {2}, {1})});
  observation.locks[0].holders_likely = true;
  const std::vector<Report> reports = reports_of(observation);
  REQUIRE(reports.size() == 2);
  for (const Report& report : reports) CHECK(report.behind_threads == 0);
  const Report& likely = reports[0].lock_address == 0x10 ? reports[0] : reports[1];
  const Report& certain = reports[0].lock_address == 0x10 ? reports[1] : reports[0];
  CHECK(likely.chain.empty());
  CHECK(likely.note.find("1 waits for " + certain.lock_id + ", held by 2") != std::string::npos);
  CHECK(steps(certain) == "2 " + certain.lock_id);
}

TEST_CASE("while some of a lock's readers are unknown, it is not left out because a known one waits") {
  SeenLock lock = lock_at(0x10, {1}, {3});
  lock.lock.kind = LockKind::rwlock;
  lock.unknown_readers = 1;
  CHECK(reports_of(seen({lock, lock_at(0x20, {2}, {1})})).size() == 2);
}

TEST_CASE("readers that nothing names are counted, and no thread is blamed") {
  SeenLock lock = lock_at(0x10, {}, {1});
  lock.lock.kind = LockKind::rwlock;
  lock.held_as = Access::shared;
  lock.unknown_readers = 3;
  const std::vector<Report> reports = reports_of(seen({lock}));
  CHECK(reports[0].holders.empty());
  CHECK(reports[0].note == "held by 3 readers: glibc does not record which threads");
}

TEST_CASE("readers that nothing names are counted beside those that are known") {
  SeenLock lock = lock_at(0x10, {2}, {1});
  lock.lock.kind = LockKind::rwlock;
  lock.held_as = Access::shared;
  lock.guards[2] = {Evidence::guard, 1, {}, {}};
  lock.unknown_readers = 1;
  CHECK(reports_of(seen({lock}))[0].note == "one more reader has it: glibc does not record which thread");
  lock.unknown_readers = 2;
  CHECK(reports_of(seen({lock}))[0].note == "2 more readers have it: glibc does not record which threads");
}

TEST_CASE("a lock whose count is impossible can never be had, and nothing is said of its readers") {
  SeenLock lock = lock_at(0x20, {}, {2});
  lock.lock.kind = LockKind::rwlock;
  lock.unknown_readers = (1u << 29) - 1;
  lock.corrupt = true;
  const std::vector<Report> reports = reports_of(seen({lock_at(0x10, {}, {1, 3}), lock}));
  REQUIRE(reports.size() == 2);
  CHECK(reports[0].event == Event::corrupt);
  CHECK(is_forever(reports[0]));
  CHECK(reports[0].note.empty());
  CHECK(reports[1].event == Event::wait);
}

TEST_CASE("a guess is called likely") {
  SeenLock lock = lock_at(0x10, {2}, {1});
  lock.holders_likely = true;
  lock.waits[0].likely = true;
  const std::vector<Report> reports = reports_of(seen({lock}));
  CHECK(reports[0].holders[0].likely);
  CHECK(reports[0].note.find("likely") != std::string::npos);
}

TEST_CASE("waiters are grouped by stack and mode, the longest wait first") {
  Observation observation = seen({lock_at(0x10, {9}, {1, 2, 3})});
  observation.threads[2].stack = observation.threads[1].stack;
  observation.threads[1].asleep_ns = 5;
  observation.threads[2].asleep_ns = 7;
  observation.threads[3].asleep_ns = 6;
  const Report report = reports_of(observation)[0];
  REQUIRE(report.waiters.size() == 2);
  CHECK(report.waiters[0].tids == std::vector<int>{2, 1});
  CHECK(report.waiters[0].longest_ns == 7);
  CHECK(report.lost_ns == 18);
  CHECK(report.threads_delayed == 3);
}
