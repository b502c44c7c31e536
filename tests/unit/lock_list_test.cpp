#include "shim/watch/lock_list.h"

#include <algorithm>

#include "tests/unit/episode_scene.h"

namespace holdwatch {
namespace {

constexpr uint64_t kSlack = 1'000'000'000;

struct LockListScene : EpisodeScene {
  LockList& list(uint64_t least_ns = 0) {
    timing->advance();
    return keeper->list_locks(*timing, least_ns);
  }
};

TEST_CASE_METHOD(LockListScene, "who holds and who waits is listed, and nothing is reported") {
  hold(kHour / 2);
  wait(kHour / 4);
  const LockList& listed = list();
  REQUIRE(listed.lock_count == 1);
  const ListedLock& lock = listed.locks[0];
  CHECK(lock.lock == LockRef{word.address(), LockKind::mutex});
  CHECK(lock.id == lock_id(word.address()));
  CHECK_FALSE(lock.in_deadlock);
  REQUIRE(lock.hold_count == 1);
  const ListedHold& hold = listed.holds[lock.first_hold];
  CHECK(hold.tid == holder.record().tid.load());
  CHECK(hold.held_ns >= kHour / 2 - kSlack);
  CHECK(hold.limit_ns == kHour);
  CHECK_FALSE(hold.likely);
  REQUIRE(hold.site_count >= 1);
  CHECK(hold.sites[0].pc == 0x401000);
  REQUIRE(lock.wait_count == 1);
  const ListedWait& waiting = listed.waits[lock.first_wait];
  CHECK(waiting.tid == waiter.record().tid.load());
  CHECK(waiting.waited_ns >= kHour / 4 - kSlack);
  CHECK(take_reports().empty());
  CHECK(keeper->episodes().active() == 0);
}

TEST_CASE_METHOD(LockListScene, "a young hold is listed only if somebody waits for the lock") {
  hold(0);
  CHECK(list(kHour / 8).lock_count == 0);
  wait(0);
  CHECK(list(kHour / 8).lock_count == 1);
}

TEST_CASE_METHOD(LockListScene, "a hold that the lock itself refutes is not listed") {
  hold(kHour / 2);
  holder.run([&] { pthread_mutex_unlock(&mutex); });  // past our hooks
  CHECK(list().lock_count == 0);
}

TEST_CASE_METHOD(LockListScene, "a hold keeps its identity from list to list") {
  hold(kHour / 2);
  const ListedUse use = list().holds[0].use;
  CHECK(list().holds[0].use == use);
  release();
  hold(kHour / 2);
  CHECK(list().holds[0].use != use);
}

TEST_CASE_METHOD(LockListScene, "a name that the program gave is listed") {
  hold(kHour / 2);
  set_lock_name(word.address(), "rooms");
  CHECK(std::string_view(list().locks[0].name) == "rooms");
}

TEST_CASE("the locks of a deadlock are marked once it is proven") {
  CHECK(with_deadlock([](DeadlockEpisodes& test) {
          const auto marked = [&] {
            const LockList& listed = test.keeper->list_locks(*test.timing, 0);
            return std::count_if(listed.locks, listed.locks + listed.lock_count,
                                 [](const ListedLock& lock) { return lock.in_deadlock; });
          };
          test.deadlock(0);
          if (marked() != 0) return 1;
          test.keeper->begin_cycles(*test.timing);
          return marked() == 2 ? 0 : 2;
        }) == 0);
}

}  // namespace
}  // namespace holdwatch
