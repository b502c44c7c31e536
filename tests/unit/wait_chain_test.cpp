// The rules of symbolizer/waits/wait_chain.h.
#include "symbolizer/waits/wait_chain.h"

#include <map>
#include <string_view>

#include "tests/catch.h"

using namespace holdwatch;

namespace {

Wait wait_for(WaitKind kind, std::initializer_list<Ender> enders) {
  Wait wait{};
  wait.known = true;
  wait.kind = kind;
  for (const Ender& ender : enders) wait.enders[wait.ender_count++] = ender;
  return wait;
}

Ender thread(int tid) {
  return {0, tid, Evidence::stated, ""};
}

struct Scene {
  std::map<int, SeenInChain> threads;
  bool stays = true;

  std::optional<SeenInChain> look(const Ender& thread) const {
    const auto found = threads.find(thread.tid);
    return found == threads.end() ? std::nullopt : std::optional(found->second);
  }
  WaitChain from(const Wait& wait) {
    return follow_wait(
        wait, [this](const Ender& next) { return look(next); }, [this] { return stays; });
  }
  WaitChain back_to(int tid, const Wait& wait) {
    return follow_likely_circle(
        tid, wait, [this](const Ender& next) { return look(next); }, [this] { return stays; });
  }
};

}  // namespace

TEST_CASE_METHOD(Scene, "the last thread is the one that waits for nobody who is known") {
  threads[1] = {"one", wait_for(WaitKind::mutex, {thread(2)}), "futex(0x1)"};
  threads[2] = {"two", wait_for(WaitKind::pipe, {}), "read(fd 3)"};
  const WaitChain chain = from(wait_for(WaitKind::join, {thread(1)}));
  REQUIRE(chain.count == 2);
  CHECK(chain.threads[0].tid == 1);
  CHECK(chain.threads[1].thread == std::string_view("two"));
  CHECK(chain.root_doing == std::string_view("read(fd 3)"));
}

TEST_CASE_METHOD(Scene, "there is no chain where it is not certain who comes next") {
  threads[1] = {"one", Wait{}, "running"};
  CHECK(from(Wait{}).count == 0);
  CHECK(from(wait_for(WaitKind::semaphore, {})).count == 0);
  CHECK(from(wait_for(WaitKind::rwlock, {thread(1), thread(2)})).count == 0);
  CHECK(from(wait_for(WaitKind::child, {{31, 31, Evidence::stated, ""}})).count == 0);
  CHECK(from(wait_for(WaitKind::join, {thread(9)})).count == 0);  // not there
  CHECK(from(wait_for(WaitKind::join, {thread(1)})).count == 1);
  stays = false;
  CHECK(from(wait_for(WaitKind::join, {thread(1)})).count == 0);
}

TEST_CASE_METHOD(Scene, "a thread that waits for several others, or for one that may not have been found, is no root") {
  threads[1] = {"one", wait_for(WaitKind::rwlock, {thread(2), thread(3)}), "futex(0x1)"};
  CHECK(from(wait_for(WaitKind::join, {thread(1)})).count == 0);
  threads[1] = {"one", wait_for(WaitKind::pipe, {}), "read(fd 3)"};
  CHECK(from(wait_for(WaitKind::join, {thread(1)})).count == 1);
  threads[1].wait.other_ends = kEndsNotCounted;
  CHECK(from(wait_for(WaitKind::join, {thread(1)})).count == 0);
}

TEST_CASE_METHOD(Scene, "a circle has no root, and a lock that does not name its holder leads to none") {
  threads[1] = {"one", wait_for(WaitKind::mutex, {thread(2)}), ""};
  threads[2] = {"two", wait_for(WaitKind::mutex, {thread(1)}), ""};
  CHECK(from(wait_for(WaitKind::join, {thread(1)})).count == 0);
  threads[2].wait = wait_for(WaitKind::rwlock, {});
  CHECK(from(wait_for(WaitKind::join, {thread(1)})).count == 0);
  threads[2].wait = wait_for(WaitKind::condition, {});
  CHECK(from(wait_for(WaitKind::join, {thread(1)})).count == 2);
}

TEST_CASE_METHOD(Scene, "a way that leads back over a likely step is probably a deadlock") {
  const auto likely = [](int tid, Evidence evidence) { return Ender{0, tid, evidence, ""}; };
  const Wait for_initializer = wait_for(WaitKind::once, {likely(2, Evidence::stack)});
  threads[2] = {"two", wait_for(WaitKind::join, {thread(3)}), ""};
  threads[3] = {"three", wait_for(WaitKind::mutex, {thread(1)}), ""};
  const WaitChain circle = back_to(1, for_initializer);
  REQUIRE(circle.count == 2);
  CHECK(circle.comes_back);
  CHECK(circle.threads[1].thread == std::string_view("three"));
  CHECK(back_to(9, for_initializer).count == 0);  // who does not wait
  CHECK(back_to(4, for_initializer).count == 0);  // it leads into a circle without that one

  // A thread of it gives up; or moves; or nothing is a guess.
  threads[3].wait.has_timeout = true;
  CHECK(back_to(1, for_initializer).count == 0);
  threads[3].wait.has_timeout = false;
  stays = false;
  CHECK(back_to(1, for_initializer).count == 0);
  stays = true;
  CHECK(back_to(1, wait_for(WaitKind::mutex, {thread(2)})).count == 0);
}

TEST_CASE_METHOD(Scene, "guesses about who signals are no deadlock by themselves, but one over a lock is") {
  const auto signalled_by = [](int tid) { return wait_for(WaitKind::condition, {{0, tid, Evidence::learnt, ""}}); };
  threads[2] = {"two", signalled_by(1), ""};
  CHECK(back_to(1, signalled_by(2)).count == 0);
  threads[2].wait = wait_for(WaitKind::mutex, {thread(1)});
  CHECK(back_to(1, signalled_by(2)).count == 1);
}

TEST_CASE_METHOD(Scene, "a way that leads back through another process is one that only the reporter follows") {
  const auto process = [](int pid, OnlyThread only) { return Ender{pid, pid, Evidence::stated, "", only}; };
  threads[31] = {"child", wait_for(WaitKind::mutex, {thread(1)}), ""};
  const WaitChain circle = back_to(1, wait_for(WaitKind::file_lock, {process(31, OnlyThread::proven)}));
  REQUIRE(circle.count == 1);
  CHECK(circle.comes_back);
  CHECK(circle.threads[0].tid == 31);
  CHECK(back_to(1, wait_for(WaitKind::child, {process(31, OnlyThread::likely)})).count == 1);
  // It has several threads, or is not the only one that can.
  CHECK(back_to(1, wait_for(WaitKind::file_lock, {process(31, OnlyThread::no)})).count == 0);
  CHECK(
      back_to(1, wait_for(WaitKind::file_lock, {process(31, OnlyThread::proven), process(32, OnlyThread::no)})).count ==
      0);
  // The root is not looked for there.
  CHECK(from(wait_for(WaitKind::file_lock, {process(31, OnlyThread::proven)})).count == 0);
  // A handler of alarms may be there to end it.
  Wait interrupted = wait_for(WaitKind::file_lock, {process(31, OnlyThread::proven)});
  interrupted.may_be_interrupted = true;
  CHECK(back_to(1, interrupted).count == 0);
}

TEST_CASE_METHOD(Scene, "of its process's own lock of a file, a thread comes after the process") {
  threads[2] = {"taker", wait_for(WaitKind::mutex, {thread(1)}), ""};
  Wait own = wait_for(WaitKind::file_lock, {{7, 7, Evidence::stated, ""}});
  own.other_end_is_here = true;
  CHECK(back_to(1, own).count == 0);
  own.enders[own.ender_count++] = {0, 2, Evidence::stack, ""};
  CHECK(back_to(1, own).count == 1);
  // Not if another process has it too.
  own.other_end_is_here = false;
  CHECK(back_to(1, own).count == 0);
}

TEST_CASE_METHOD(Scene, "a chain that is too long is left out, not cut") {
  for (int tid = 1; tid <= 9; ++tid) threads[tid] = {"", wait_for(WaitKind::mutex, {thread(tid + 1)}), ""};
  threads[8].wait = wait_for(WaitKind::pipe, {});
  CHECK(from(wait_for(WaitKind::join, {thread(1)})).count == 8);
  threads[8].wait = wait_for(WaitKind::mutex, {thread(9)});
  threads[9].wait = wait_for(WaitKind::pipe, {});
  CHECK(from(wait_for(WaitKind::join, {thread(1)})).count == 0);
}
