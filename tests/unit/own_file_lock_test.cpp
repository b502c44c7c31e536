// The rules of symbolizer/waits/own_file_lock.h.
#include "symbolizer/waits/own_file_lock.h"

#include <map>

#include "tests/catch.h"

using namespace holdwatch;

namespace {

Wait waits_for(WaitKind kind, int tid, Evidence evidence = Evidence::stated) {
  Wait wait{};
  wait.known = true;
  wait.kind = kind;
  wait.enders[wait.ender_count++] = {0, tid, evidence, ""};
  return wait;
}

struct Process {
  std::map<int, Wait> waits;

  int holder_of_lock_wanted_by(int waiter) const {
    std::vector<int> others;
    for (const auto& [tid, wait] : waits)
      if (tid != waiter) others.push_back(tid);
    return likely_holder_of_own_file_lock(waiter, others, [this](int tid) -> std::optional<Wait> {
      const auto found = waits.find(tid);
      return found == waits.end() ? std::nullopt : std::optional(found->second);
    });
  }
};

constexpr int kMain = 1, kKeeper = 2, kTaker = 3, kOther = 4;

}  // namespace

TEST_CASE_METHOD(Process,
                 "where all threads wait for the waiter, the only one of them that waits for a lock has the file") {
  waits[kMain] = waits_for(WaitKind::join, kKeeper);
  waits[kTaker] = waits_for(WaitKind::mutex, kKeeper);
  CHECK(holder_of_lock_wanted_by(kKeeper) == kTaker);
  waits[kMain] = waits_for(WaitKind::join, kTaker);  // through another one
  CHECK(holder_of_lock_wanted_by(kKeeper) == kTaker);
}

TEST_CASE_METHOD(Process, "a thread that may go on may give the file back") {
  waits[kMain] = waits_for(WaitKind::join, kKeeper);
  waits[kTaker] = waits_for(WaitKind::mutex, kKeeper);
  SECTION("it waits for nobody who is known") {
    waits[kMain] = Wait{};
  }
  SECTION("it waits for another thread") {
    waits[kMain] = waits_for(WaitKind::join, 99);
  }
  SECTION("its wait has a timeout") {
    waits[kTaker].has_timeout = true;
  }
  SECTION("for whom it waits is a guess") {
    waits[kMain] = waits_for(WaitKind::condition, kKeeper, Evidence::learnt);
  }
  CHECK(holder_of_lock_wanted_by(kKeeper) == 0);
}

TEST_CASE_METHOD(Process, "of several threads that wait for locks, any one may have it") {
  waits[kTaker] = waits_for(WaitKind::mutex, kKeeper);
  waits[kOther] = waits_for(WaitKind::mutex, kKeeper);
  CHECK(holder_of_lock_wanted_by(kKeeper) == 0);
}

TEST_CASE("it is asked only where the process alone has the lock, and nothing ends the wait") {
  Wait wait{};
  wait.known = true;
  wait.kind = WaitKind::file_lock;
  wait.enders[wait.ender_count++] = {7, 7, Evidence::stated, ""};
  CHECK_FALSE(is_for_own_file_lock(wait));
  wait.other_end_is_here = true;
  CHECK(is_for_own_file_lock(wait));
  wait.may_be_interrupted = true;
  CHECK_FALSE(is_for_own_file_lock(wait));
}
