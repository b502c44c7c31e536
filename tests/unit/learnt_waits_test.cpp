// The rules of symbolizer/waits/learnt_enders.h.
#include "symbolizer/waits/learnt_enders.h"

#include <linux/futex.h>
#include <sys/syscall.h>

#include <set>

#include "tests/catch.h"
#include "tests/unit/fake_process.h"

using namespace holdwatch;

namespace {

constexpr int kWaiter = 1, kExited = 99;

struct Scene {
  test::FakeMemory memory;
  Modules modules{-1, memory};
  LearntEnds learnt{true, true, true, 0, {}};
  std::set<int> sleepers;
  int operation = FUTEX_WAIT_BITSET_PRIVATE;
  Snapshot waiter{};
  WaitingProcess process{modules,
                         memory,
                         [](int tid) { return tid == kExited ? 0 : tid; },
                         [](int, int) { return ""; },
                         [] { return true; },
                         {},
                         {},
                         [this](uintptr_t, size_t) { return learnt; }};

  Scene() { waiter.tid = kWaiter; }

  void ended_by(std::initializer_list<int> tids) {
    for (const int tid : tids) learnt.ends[learnt.count++] = {tid, 0x1000, 5};
  }

  Wait read(WaitKind kind = WaitKind::condition, uint32_t arrived = 0, uint32_t needed = 0) {
    Wait wait{};
    wait.known = true;
    wait.kind = kind;
    wait.object = 0x10000;
    wait.arrived = arrived;
    wait.needed = needed;
    const SystemCall call{true, SYS_futex, {wait.object + 40, static_cast<uint64_t>(operation), 0, 0, 0, 0}};
    add_learnt_enders(wait, call, waiter, process,
                      [this](int tid, uintptr_t, size_t) { return std::optional(sleepers.contains(tid)); });
    return wait;
  }
};

}  // namespace

TEST_CASE_METHOD(Scene, "the one other thread that has ended such waits is likely to end this one") {
  ended_by({2, kWaiter});
  const Wait wait = read();
  REQUIRE(wait.ender_count == 1);
  CHECK(wait.enders[0].tid == 2);
  CHECK(wait.enders[0].evidence == Evidence::learnt);
  CHECK(wait.gap == EnderGap::none);
  CHECK(wait.last.tid == 2);
  CHECK(wait.last_pc == 0x1000);
}

TEST_CASE_METHOD(Scene, "the last other thread counts if the waiting thread has ended such waits itself") {
  ended_by({kWaiter, 2});
  CHECK(read().last.tid == 2);
  CHECK(read().last_is_before);
}

TEST_CASE_METHOD(Scene, "of several threads nobody is named, only who was the last") {
  ended_by({2, 3});
  const Wait wait = read();
  CHECK(wait.ender_count == 0);
  CHECK(wait.gap == EnderGap::several);
  CHECK(wait.last.tid == 2);
}

TEST_CASE_METHOD(Scene, "who waits for the same object does not end the wait") {
  ended_by({2, 3});
  sleepers = {2};
  const Wait wait = read();
  REQUIRE(wait.ender_count == 1);
  CHECK(wait.enders[0].tid == 3);
}

TEST_CASE_METHOD(Scene, "nobody is named if a thread may be missing") {
  ended_by({2});
  learnt.all_are_known = false;
  CHECK(read().gap == EnderGap::several);
  learnt.last_is_known = false;
  CHECK(read().last.tid == 0);
}

TEST_CASE_METHOD(Scene, "why nobody is named") {
  CHECK(read().gap == EnderGap::unseen);
  ended_by({kExited});
  CHECK(read().gap == EnderGap::exited);
  operation = FUTEX_WAIT_BITSET;
  CHECK(read().gap == EnderGap::processes);
  CHECK(read(WaitKind::futex).gap == EnderGap::exited);  // other libraries often leave the flag out
  process.learnt_ends = nullptr;
  CHECK(read(WaitKind::futex).gap == EnderGap::unwatched);
  CHECK(read(WaitKind::mutex).gap == EnderGap::none);
}

TEST_CASE_METHOD(Scene, "at a barrier as many must be left as are missing") {
  ended_by({2, 3, 4, kWaiter});
  sleepers = {2};
  CHECK(read(WaitKind::barrier, 2, 4).ender_count == 2);
  CHECK(read(WaitKind::barrier, 2, 4).last.tid == 0);
  CHECK(read(WaitKind::barrier, 3, 4).gap == EnderGap::several);
}

TEST_CASE_METHOD(Scene, "what was noted of an address on the waiting thread's own stack may be about another object") {
  ended_by({2});
  waiter.registers = {};
  waiter.registers.sp = 0x10000 - 8;
  waiter.registers.known = Registers::kSpIsKnown;
  waiter.stack_end = 0x20000;
  const Wait wait = read();
  CHECK(wait.ender_count == 0);
  CHECK(wait.gap == EnderGap::on_stack);
  CHECK(wait.last.tid == 0);
  waiter.stack_end = 0x10000;
  CHECK(read().ender_count == 1);
}
