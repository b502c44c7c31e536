#include "shim/reporter/stack_collector.h"

#include <pthread.h>

#include <memory>

#include "shim/base/clock.h"
#include "shim/inspection/capture.h"
#include "tests/catch.h"
#include "tests/unit/deadlock_scene.h"
#include "tests/unit/in_child.h"

namespace holdwatch {
namespace {

constexpr uint64_t kSecond = 1'000'000'000;

// A request as the watcher posts it, about a lock that threads hold and wait for in their records. There is no symbolizer: of each
// stack, the collector keeps the innermost address.
struct Collection {
  std::unique_ptr<ReportRequest> request = std::make_unique<ReportRequest>();
  std::unique_ptr<StackCollector> collector = std::make_unique<StackCollector>();
  Holder holders[kMaxHolders] = {};
  std::unique_ptr<Waiter[]> waiters = std::make_unique<Waiter[]>(kMaxWaiters);
  size_t count = 0;

  explicit Collection(Event event = Event::hold, Phase phase = Phase::over) {
    start_thread_table();
    request->event = event;
    request->phase = phase;
    capture_start(kSignalAuto);
    collector->start();
  }
  ~Collection() { collector->release(); }

  HolderState& add_holder(RecordedThread& thread, LockWord lock, uint64_t held_ns) {
    const size_t index = request->state.holder_count++;
    HolderState& holder = request->state.holders[index];
    auto& record = thread.record();
    view_hold(thread.index(), record.index_of_slot(*record.find(lock.address())), &holder.hold);
    request->held_ns[index] = held_ns;
    request->started_ns[index] = monotonic_ns();
    return holder;
  }
  void add_waiter(RecordedThread& thread, uint64_t waited_ns) {
    const size_t index = request->state.waiter_count++;
    view_wait(thread.index(), &request->state.waiters[index]);
    request->waited_ns[index] = waited_ns;
  }
  size_t describe_holders() { return count = collector->describe_holders(*request, holders); }
  size_t capture_holders() { return count = collector->capture_holders(*request, holders); }
  size_t describe_waiters() { return count = collector->describe_waiters(*request, waiters.get()); }
  size_t capture_waiters() { return count = collector->capture_waiters(*request, waiters.get()); }
};

struct ReadersTest : Collection {
  pthread_rwlock_t rwlock = PTHREAD_RWLOCK_INITIALIZER;
  LockWord lock{&rwlock, LockKind::rwlock, Access::shared};
  RecordedThread readers[2];

  ReadersTest() {
    for (RecordedThread& reader : readers)
      reader.run([&] { hold(reader.record(), lock, {0x401000 + reader.index(), 0, 0}); });
  }
  ~ReadersTest() {
    for (RecordedThread& reader : readers) reader.run([&] { reader.record().clear(); });
  }
  void drop_hold_of(int reader) {
    readers[reader].run([&, reader] { drop(readers[reader].record(), lock.address()); });
  }
};

TEST_CASE_METHOD(ReadersTest, "holders are described longest hold first, from their records") {
  add_holder(readers[0], lock, kSecond);
  add_holder(readers[1], lock, 3 * kSecond);
  REQUIRE(describe_holders() == 2);
  CHECK(holders[0].tid == readers[1].tid());
  CHECK(holders[0].held_ns == 3 * kSecond);
  CHECK(holders[1].tid == readers[0].tid());
  CHECK(holders[1].lock.address == lock.address());
  CHECK(holders[1].access == Access::shared);
  CHECK(holders[1].evidence == Evidence::recorded);
  REQUIRE(holders[1].site_count == 1);
  CHECK(holders[1].sites[0].pc == 0x401000 + readers[0].index());
}

TEST_CASE_METHOD(ReadersTest, "a hold that has ended since the request is not described") {
  add_holder(readers[0], lock, 3 * kSecond);
  add_holder(readers[1], lock, kSecond);
  drop_hold_of(0);
  REQUIRE(describe_holders() == 1);
  CHECK(holders[0].tid == readers[1].tid());
}

TEST_CASE_METHOD(ReadersTest,
                 "a hold that ends before its stack is captured is dropped, and the others keep their order") {
  add_holder(readers[0], lock, 3 * kSecond);
  add_holder(readers[1], lock, kSecond);
  REQUIRE(describe_holders() == 2);
  drop_hold_of(0);
  REQUIRE(capture_holders() == 1);
  CHECK(holders[0].tid == readers[1].tid());
}

TEST_CASE_METHOD(ReadersTest, "the same slot with a new hold is another hold") {
  add_holder(readers[0], lock, kSecond);
  REQUIRE(describe_holders() == 1);
  drop_hold_of(0);
  readers[0].run([&] { hold(readers[0].record(), lock, {0x401000, 0, 0}); });
  CHECK(capture_holders() == 0);
}

TEST_CASE_METHOD(ReadersTest, "a blocked holder's stack is captured with the call that it is in") {
  add_holder(readers[0], lock, kSecond);
  REQUIRE(describe_holders() == 1);
  REQUIRE(capture_holders() == 1);  // an idle RecordedThread waits for its next task
  CHECK(holders[0].state == ThreadState::blocked);
  CHECK(holders[0].call.number == SYS_futex);
  REQUIRE(holders[0].now != nullptr);
  CHECK(holders[0].now->count == 1);
  CHECK(holders[0].now->when.from_ns <= holders[0].now->when.until_ns);
  CHECK(holders[0].taken == nullptr);
}

TEST_CASE_METHOD(ReadersTest, "of a release, only the holder whose data the releasing thread left is reported") {
  request->phase = Phase::late;
  add_holder(readers[0], lock, 3 * kSecond);
  add_holder(readers[1], lock, kSecond);
  const auto ended = std::make_unique<EndedHold>();
  ended->hold = request->state.holders[1].hold;
  ended->caller = {0x402000, 0x7000, 0};
  request->ended = ended.get();
  for (int i = 0; i < 2; ++i) drop_hold_of(i);
  REQUIRE(describe_holders() == 1);
  CHECK(holders[0].tid == readers[1].tid());
  REQUIRE(capture_holders() == 1);
  REQUIRE(holders[0].now != nullptr);
  REQUIRE(holders[0].now->count == 1);
  CHECK(holders[0].now->frames[0].pc == 0x402000);
}

struct WaitersTest : Collection {
  pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
  LockWord lock{&mutex, LockKind::mutex, Access::exclusive};
  RecordedThread threads[2];
  CallFrame frames[2];

  // Threads that sleep for the mutex until the end of the test, as lock calls do.
  WaitersTest() {
    pthread_mutex_lock(&mutex);
    for (int i = 0; i < 2; ++i) {
      threads[i].run([&, i] { begin_wait(threads[i].record(), lock, frames[i].caller()); });
      threads[i].start([this, i] {
        pthread_mutex_lock(&mutex);
        pthread_mutex_unlock(&mutex);
        threads[i].record().clear();
      });
      await_sleep_for(threads[i].tid(), lock);
      add_waiter(threads[i], (static_cast<uint64_t>(i) + 1) * kSecond);
    }
  }
  ~WaitersTest() { pthread_mutex_unlock(&mutex); }
};

TEST_CASE_METHOD(WaitersTest, "waiters are described longest wait first, and their stacks begin where they called") {
  frames[0].return_address = frames[1].return_address = 0x401000;
  REQUIRE(describe_waiters() == 2);
  CHECK(waiters[0].tid == threads[1].tid());
  CHECK(waiters[0].waited_ns == 2 * kSecond);
  CHECK_FALSE(waiters[0].unseen);
  REQUIRE(capture_waiters() == 2);
  REQUIRE(waiters[0].stack != nullptr);
  REQUIRE(waiters[0].stack->count == 1);
  CHECK(waiters[0].stack->frames[0].pc == 0x401000);
}

TEST_CASE_METHOD(WaitersTest,
                 "a thread whose wait a handler has left is dropped, before or after its stack was captured") {
  REQUIRE(describe_waiters() == 2);
  frames[1].return_address = 0x402000;
  REQUIRE(capture_waiters() == 1);
  CHECK(waiters[0].tid == threads[0].tid());
  CHECK(describe_waiters() == 1);
  frames[1].return_address = 0x401000;
}

TEST_CASE_METHOD(WaitersTest, "a hold that has ended has no waiters") {
  request->phase = Phase::released;
  CHECK(describe_waiters() == 0);
}

// In a child: its threads never end.
TEST_CASE("holders of a deadlock keep the order of the cycle, and are all dropped when one of them no longer waits") {
  const Outcome outcome = in_child([] {
    auto& scene = *new DeadlockScene;
    scene.take();
    scene.deadlock();
    auto& collection = *new Collection(Event::deadlock);
    for (int i = 0; i < 2; ++i)
      collection.add_holder(scene.threads[i], scene.word(i), (static_cast<uint64_t>(i) + 1) * kSecond);
    if (collection.describe_holders() != 2) return 1;
    if (collection.holders[0].tid != scene.threads[0].tid()) return 2;
    if (collection.capture_holders() != 2) return 3;
    scene.threads[1].record().clear();
    if (collection.capture_holders() != 0) return 4;
    return collection.describe_holders() == 0 ? 0 : 5;
  });
  CHECK(outcome.status == 0);
}

}  // namespace
}  // namespace holdwatch
