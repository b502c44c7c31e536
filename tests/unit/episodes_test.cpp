#include "shim/watch/episodes.h"

#include <pthread.h>

#include <memory>
#include <set>
#include <string>

#include "shim/record/hand_over.h"
#include "tests/catch.h"
#include "tests/unit/record_calls.h"
#include "tests/unit/recorded_thread.h"

namespace holdwatch {
namespace {

LockWord mutex_at(uintptr_t address) {
  return {reinterpret_cast<const void*>(address), LockKind::mutex, Access::exclusive};
}

// A lock whose waiters the test makes, looked at again and again as the watcher does: tick first, then the look.
struct Looks {
  std::unique_ptr<TickHistory> history = std::make_unique<TickHistory>();
  std::unique_ptr<LockState> state = std::make_unique<LockState>();
  std::unique_ptr<Episode> episode = std::make_unique<Episode>();

  // A waiter whose lock call found the tick `since_ns`.
  void add_waiter(uint64_t since_ns, bool of_condition = false) {
    WaitView& wait = state->waiters[state->waiter_count++];
    wait = WaitView{};
    wait.identity.number = state->waiter_count;
    wait.word = of_condition ? mutex_at(0x1000).with_condition() : mutex_at(0x1000);
    wait.since_ns = since_ns;
    if (!of_condition) ++state->waiting;
  }
  void clear_waiters() { state->waiter_count = state->waiting = 0; }
  void tick(uint64_t now_ns) { history->add(now_ns); }
  void look(uint64_t now_ns) {
    tick(now_ns);
    count_waiting(*episode, *state, *history, now_ns);
  }
};

TEST_CASE("waiting time adds up over the scans") {
  Looks looks;
  looks.tick(100);
  looks.add_waiter(100);
  looks.look(200);  // may have begun as late as this very tick
  CHECK(looks.episode->lost_ns == 0);
  looks.look(300);
  CHECK(looks.episode->lost_ns == 100);
  looks.look(550);
  CHECK(looks.episode->lost_ns == 350);
}

TEST_CASE("a hold that was handed over before it was last seen held ended no sooner") {
  auto before = std::make_unique<EndedHold>();
  auto after = std::make_unique<EndedHold>();
  auto episode = std::make_unique<Episode>();
  episode->last_look_ns = 1'000;
  before->released_ns = 900;
  note_ended(*episode, before.get());
  CHECK(episode->ended->released_ns == 1'000);
  after->released_ns = 1'100;
  note_ended(*episode, after.get());
  CHECK(episode->ended == after.get());
  CHECK(episode->ended->released_ns == 1'100);
  CHECK(before->state == EndedHold::State::free);
}

TEST_CASE("several waiters lose time at once") {
  Looks looks;
  looks.tick(100);
  for (int i = 0; i < 3; ++i) looks.add_waiter(100);
  looks.look(200);
  looks.look(300);
  CHECK(looks.episode->lost_ns == 300);
  CHECK(looks.episode->waiting == 3);
}

TEST_CASE("a waiter from long before the first look is counted with all its time") {
  Looks looks;
  for (const uint64_t tick_ns : {100u, 200u, 300u, 400u}) looks.tick(tick_ns);
  looks.add_waiter(100);
  looks.look(500);
  CHECK(looks.episode->lost_ns == 300);
  CHECK(looks.episode->threads_delayed == 1);
}

TEST_CASE("a waiter is counted once, though its latest beginning is the tick of the look that first saw it") {
  Looks looks;
  looks.tick(100);
  looks.look(200);
  looks.add_waiter(200);
  looks.look(300);
  for (const uint64_t now_ns : {400u, 500u, 600u}) looks.look(now_ns);
  CHECK(looks.episode->threads_delayed == 1);
  CHECK(looks.episode->lost_ns == 300);
}

TEST_CASE("a waiter that goes and one that comes are two delayed threads") {
  Looks looks;
  looks.tick(100);
  looks.add_waiter(100);
  looks.look(200);
  looks.clear_waiters();
  looks.add_waiter(200);
  looks.look(300);
  CHECK(looks.episode->threads_delayed == 2);
  CHECK(looks.episode->waiting == 1);
}

TEST_CASE("a thread in a condition wait does not wait for the mutex") {
  Looks looks;
  looks.tick(100);
  looks.add_waiter(100, true);
  looks.look(200);
  looks.look(300);
  CHECK(looks.episode->lost_ns == 0);
  CHECK(looks.episode->threads_delayed == 0);
}

TEST_CASE("waiters beyond the state's room are delayed threads, counted at the first look") {
  Looks looks;
  looks.tick(100);
  looks.add_waiter(100);
  looks.state->waiters_left_out = 5;
  looks.look(200);
  CHECK(looks.episode->threads_delayed == 6);
  looks.look(300);
  CHECK(looks.episode->threads_delayed == 6);
}

struct EpisodesTest {
  std::unique_ptr<Episodes> owner = std::make_unique<Episodes>();
  Episodes& episodes = *owner;
};

TEST_CASE_METHOD(EpisodesTest, "an episode is found by its event and its lock's address") {
  Episode* hold = episodes.begin(Event::hold, mutex_at(0x1000), 77);
  Episode* wait = episodes.begin(Event::wait, mutex_at(0x1000), 88);
  REQUIRE(hold != nullptr);
  REQUIRE(wait != nullptr);
  CHECK(episodes.find_hold(0x1000) == hold);
  CHECK(episodes.find_wait(0x1000) == wait);
  CHECK(episodes.find_hold(0x2000) == nullptr);
  CHECK(hold->limit_ns == 77);
  CHECK_FALSE(hold->posted);
}

TEST_CASE_METHOD(EpisodesTest, "an episode that has ended is no longer found") {
  Episode* episode = episodes.begin(Event::hold, mutex_at(0x1000), 77);
  episode->holder_count = 1;
  episode->holders[0].hold.identity = {1, 2, 3};
  episodes.end(*episode);
  CHECK(episodes.find_hold(0x1000) == nullptr);
  CHECK(episodes.find_holder({1, 2, 3}) == nullptr);
}

TEST_CASE_METHOD(EpisodesTest, "an episode is found by any of the holds that are its holders") {
  Episode* first = episodes.begin(Event::hold, mutex_at(0x1000), 77);
  Episode* second = episodes.begin(Event::hold, mutex_at(0x2000), 77);
  first->holder_count = 1;
  first->holders[0].hold.identity = {1, 0, 5};
  second->holder_count = 2;
  second->holders[0].hold.identity = {2, 0, 5};
  second->holders[1].hold.identity = {3, 0, 5};
  CHECK(episodes.find_holder({1, 0, 5}) == first);
  CHECK(episodes.find_holder({3, 0, 5}) == second);
  CHECK(episodes.find_holder({3, 0, 6}) == nullptr);
  CHECK(episodes.find_holder({3, 1, 5}) == nullptr);
}

TEST_CASE_METHOD(EpisodesTest, "the holders of a wait's episode are not what it is about") {
  Episode* wait = episodes.begin(Event::wait, mutex_at(0x1000), 77);
  wait->holder_count = 1;
  wait->holders[0].hold.identity = {1, 0, 5};
  CHECK(episodes.find_holder({1, 0, 5}) == nullptr);
}

TEST_CASE_METHOD(EpisodesTest, "an episode begins empty and with a number of its own, also in a place used before") {
  std::set<uint64_t> numbers;
  for (int i = 0; i < 10; ++i) {
    Episode* episode = episodes.begin(Event::hold, mutex_at(0x1000), 77);
    CHECK(episode->number > 0);
    CHECK(episode->lost_ns == 0);
    CHECK(episode->holder_count == 0);
    CHECK(episode->ended == nullptr);
    numbers.insert(episode->number);
    episode->lost_ns = 1;
    episode->holder_count = 1;
    episodes.end(*episode);
  }
  CHECK(numbers.size() == 10);
  CHECK(episodes.end_iteration() - episodes.begin_iteration() == 1);
}

TEST_CASE_METHOD(EpisodesTest, "more episodes than there is room for begin when others have ended") {
  for (uintptr_t lock = 1; lock <= Episodes::kMax; ++lock)
    REQUIRE(episodes.begin(Event::hold, mutex_at(lock * 64), 77) != nullptr);
  CHECK(episodes.begin(Event::hold, mutex_at(0x100000), 77) == nullptr);
  episodes.end(*episodes.find_hold(100 * 64));
  CHECK(episodes.begin(Event::hold, mutex_at(0x100000), 77) != nullptr);
  CHECK(episodes.find_hold(0x100000) != nullptr);
}

TEST_CASE_METHOD(EpisodesTest, "nothing is left when all are cleared") {
  episodes.begin(Event::hold, mutex_at(0x1000), 77);
  episodes.begin(Event::wait, mutex_at(0x2000), 77);
  episodes.clear();
  CHECK(episodes.find_hold(0x1000) == nullptr);
  CHECK(episodes.find_wait(0x2000) == nullptr);
}

TEST_CASE_METHOD(EpisodesTest, "a deadlock is found by each of its locks, and by each of its holds") {
  Episode* cycle = episodes.begin(Event::deadlock, mutex_at(0x1000), 77);
  cycle->holder_count = 2;
  cycle->holders[0].hold.word = mutex_at(0x1000);
  cycle->holders[1].hold.word = mutex_at(0x2000);
  cycle->holders[1].hold.identity = {2, 0, 5};
  CHECK(episodes.find_cycle(0x1000) == cycle);
  CHECK(episodes.find_cycle(0x2000) == cycle);
  CHECK(episodes.find_cycle(0x3000) == nullptr);
  CHECK(episodes.find_hold(0x1000) == nullptr);
  CHECK(episodes.find_holder({2, 0, 5}) == cycle);
  episodes.end(*cycle);
  CHECK(episodes.find_cycle(0x2000) == nullptr);
}

TEST_CASE_METHOD(EpisodesTest,
                 "a hold that is part of a deadlock belongs to its own episode first, in whatever order they began") {
  const auto begin = [&](Event event) {
    Episode* episode = episodes.begin(event, mutex_at(0x1000), 77);
    episode->holder_count = 1;
    episode->holders[0].hold.identity = {1, 0, 5};
    return episode;
  };
  begin(Event::deadlock);
  Episode* hold = begin(Event::hold);
  CHECK(episodes.find_holder({1, 0, 5}) == hold);
  episodes.clear();
  hold = begin(Event::abandoned);
  begin(Event::deadlock);
  CHECK(episodes.find_holder({1, 0, 5}) == hold);
}

TEST_CASE_METHOD(EpisodesTest,
                 "the holders of a lock are named by its hold and by its deadlock, but not by a wait for it") {
  episodes.begin(Event::wait, mutex_at(0x1000), 77);
  CHECK_FALSE(episodes.has_hold_or_cycle(0x1000));
  CHECK(episodes.has_episode(0x1000));
  for (const Event event : {Event::hold, Event::abandoned, Event::fork_orphan}) {
    episodes.clear();
    episodes.begin(event, mutex_at(0x1000), 77);
    CHECK(episodes.has_hold_or_cycle(0x1000));
  }
  episodes.clear();
  Episode* cycle = episodes.begin(Event::self_deadlock, mutex_at(0x1000), 77);
  cycle->holder_count = 1;
  cycle->holders[0].hold.word = mutex_at(0x1000);
  CHECK(episodes.has_hold_or_cycle(0x1000));
  CHECK_FALSE(episodes.has_episode(0x2000));
}

TEST_CASE_METHOD(EpisodesTest, "a number is never given twice, not even when all are cleared") {
  const uint64_t first = episodes.begin(Event::hold, mutex_at(0x1000), 77)->number;
  const uint64_t late = episodes.next_number();
  episodes.clear();
  CHECK(episodes.active() == 0);
  const uint64_t next = episodes.begin(Event::hold, mutex_at(0x1000), 77)->number;
  CHECK(std::set<uint64_t>{first, late, next}.size() == 3);
}

TEST_CASE_METHOD(EpisodesTest, "there is no room left exactly while as many are active as fit") {
  for (uintptr_t lock = 1; lock <= Episodes::kMax; ++lock) {
    CHECK_FALSE(episodes.full());
    REQUIRE(episodes.begin(Event::hold, mutex_at(lock * 64), 77) != nullptr);
  }
  CHECK(episodes.full());
  CHECK(episodes.active() == Episodes::kMax);
  episodes.end(*episodes.find_hold(64));
  CHECK_FALSE(episodes.full());
}

TEST_CASE_METHOD(EpisodesTest,
                 "a deadlock has room though hundreds of holds have none left, and takes none of theirs") {
  for (uintptr_t lock = 1; lock <= Episodes::kMax; ++lock)
    REQUIRE(episodes.begin(Event::hold, mutex_at(lock * 64), 77) != nullptr);
  for (uintptr_t lock = 1; lock <= Episodes::kMaxCycles; ++lock)
    REQUIRE(episodes.begin(Event::deadlock, mutex_at(0x100000 + lock * 64), 77) != nullptr);
  CHECK(episodes.begin(Event::deadlock, mutex_at(0x200000), 77) == nullptr);
  CHECK(episodes.begin(Event::hold, mutex_at(0x200000), 77) == nullptr);
  CHECK(episodes.full());
  episodes.end(*episodes.find_hold(64));
  CHECK_FALSE(episodes.full());
  CHECK(episodes.begin(Event::deadlock, mutex_at(0x200000), 77) == nullptr);
  CHECK(episodes.begin(Event::hold, mutex_at(0x200000), 77) != nullptr);
}

TEST_CASE_METHOD(EpisodesTest,
                 "a lock keeps the id that it had when its episode began, and a deadlock one for each of its locks") {
  pthread_mutex_t mutexes[2] = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_MUTEX_INITIALIZER};
  const LockWord words[2] = {{&mutexes[0], LockKind::mutex, Access::exclusive},
                             {&mutexes[1], LockKind::mutex, Access::exclusive}};
  Episode* hold = episodes.begin(Event::hold, words[0], 77);
  CHECK(hold->tags[0].id == lock_id(words[0].address()));
  Episode* cycle = episodes.begin(Event::deadlock, words[0], 77);
  cycle->holder_count = 2;
  for (int i = 0; i < 2; ++i) cycle->holders[i].hold.word = words[i];
  tag_locks(*cycle);
  CHECK(cycle->tags[0].id == hold->tags[0].id);
  CHECK(cycle->tags[1].id == lock_id(words[1].address()));
  forget_lock(words[0].address());  // destroyed: another one in its place has an id of its own
  refresh_names(*hold);
  CHECK(hold->tags[0].id != lock_id(words[0].address()));
  CHECK(cycle->tags[0].id == hold->tags[0].id);
  for (const LockWord word : words) forget_lock(word.address());
}

TEST_CASE_METHOD(EpisodesTest, "a lock that is named during its episode has that name from then on") {
  pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
  const LockWord word(&mutex, LockKind::mutex, Access::exclusive);
  Episode* episode = episodes.begin(Event::hold, word, 77);
  CHECK(std::string(episode->tags[0].name).empty());
  set_lock_name(word.address(), "accounts");
  refresh_names(*episode);
  CHECK(std::string(episode->tags[0].name) == "accounts");

  // What the thread that released it knew counts, if it is of the same lock.
  auto ended = std::make_unique<EndedHold>();
  ended->lock = {episode->tags[0].id + 1, "another"};
  episode->ended = ended.get();
  refresh_names(*episode);
  CHECK(std::string(episode->tags[0].name) == "accounts");
  ended->lock = {episode->tags[0].id, "at the end"};
  refresh_names(*episode);
  CHECK(std::string(episode->tags[0].name) == "at the end");
  episode->event = Event::deadlock;  // tells of several locks
  episode->holder_count = 1;
  episode->holders[0].hold.word = word;
  refresh_names(*episode);
  CHECK(std::string(episode->tags[0].name) == "accounts");
  episode->ended = nullptr;
  forget_lock(word.address());
}

TEST_CASE_METHOD(EpisodesTest, "an episode has lost a holder that it had before, not one that came") {
  Episode before{}, now{};
  before.holder_count = 1;
  before.holders[0].hold.identity = {1, 0, 5};
  now.holder_count = 2;
  now.holders[0].hold.identity = {2, 0, 6};
  now.holders[1].hold.identity = {1, 0, 5};
  CHECK_FALSE(has_lost_holder(now, before));
  CHECK(has_lost_holder(before, now));
  CHECK(has_holder(now, {2, 0, 6}));
  CHECK_FALSE(has_holder(before, {1, 0, 6}));
}

TEST_CASE("a waiter that the look saw in the middle of its own tick is counted once") {
  Looks looks;
  looks.tick(100);
  looks.tick(200);
  looks.add_waiter(200);  // found the tick that this look had just published
  count_waiting(*looks.episode, *looks.state, *looks.history, 200);
  for (const uint64_t now_ns : {300u, 400u, 500u}) looks.look(now_ns);
  CHECK(looks.episode->threads_delayed == 1);
  CHECK(looks.episode->lost_ns == 200);
}

TEST_CASE("when all episodes are cleared, their ended holds are freed") {
  RecordedThread thread;
  const LockWord lock = mutex_at(0x1000);
  const auto owned = std::make_unique<Episodes>();  // too large for a stack
  Episodes& episodes = *owned;
  for (int round = 0; round < 100; ++round) {
    hold(thread.record(), lock);
    HeldSlot* slot = thread.record().find(lock.address());
    hand_over_slow(thread.record(), lock, *slot, *slot, {});
    thread.record().drop(*slot);
    Episode* episode = episodes.begin(Event::hold, lock, 1);
    REQUIRE(episode != nullptr);
    episode->ended = take_ended_hold();
    REQUIRE(episode->ended != nullptr);
    episodes.clear();
  }
}

}  // namespace
}  // namespace holdwatch
