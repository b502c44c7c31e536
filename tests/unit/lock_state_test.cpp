#include "shim/inspection/lock_state.h"

#include <pthread.h>

#include <memory>
#include <vector>

#include "shim/record/spare_memory.h"
#include "tests/catch.h"
#include "tests/unit/record_calls.h"
#include "tests/unit/recorded_thread.h"

namespace holdwatch {
namespace {

// What the hooks do: the real call, and its record.
void note_hold(RecordedThread& thread, LockWord word) {
  hold(thread.record(), word, {0x401000, 0, 0});
}
void note_end(RecordedThread& thread, LockWord word) {
  drop(thread.record(), word.address());
}

// By one walk for several locks, and by a walk of its own: both see the same.
void read_state_of(LockWord word, LockState* state) {
  static LockIndex lock_index;
  lock_index.clear();
  read_lock_state(word, lock_index, state);
  const size_t holders = state->holder_count;
  const size_t waiters = state->waiter_count;
  lock_index.want(word);
  lock_index.walk();
  read_lock_state(word, lock_index, state);
  CHECK(state->holder_count == holders);
  CHECK(state->waiter_count == waiters);
}

struct MutexTest {
  pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
  LockWord word{&mutex, LockKind::mutex, Access::exclusive};
  std::unique_ptr<LockState> state = std::make_unique<LockState>();

  explicit MutexTest(int type = PTHREAD_MUTEX_NORMAL) {
    pthread_mutexattr_t attributes;
    pthread_mutexattr_init(&attributes);
    pthread_mutexattr_settype(&attributes, type);
    pthread_mutex_init(&mutex, &attributes);
    pthread_mutexattr_destroy(&attributes);
  }
  void lock(RecordedThread& thread) {
    thread.run([&] {
      pthread_mutex_lock(&mutex);
      note_hold(thread, word);
    });
  }
  void unlock(RecordedThread& thread) {
    thread.run([&] {
      note_end(thread, word);
      pthread_mutex_unlock(&mutex);
    });
  }
  void read() { read_state_of(word, state.get()); }
};

struct RecursiveMutexTest : MutexTest {
  RecursiveMutexTest() : MutexTest(PTHREAD_MUTEX_RECURSIVE) {}
};

struct RwlockTest {
  pthread_rwlock_t rwlock = PTHREAD_RWLOCK_INITIALIZER;
  LockWord reading{&rwlock, LockKind::rwlock, Access::shared};
  std::unique_ptr<LockState> state = std::make_unique<LockState>();

  void lock(RecordedThread& thread) {
    thread.run([&] {
      pthread_rwlock_rdlock(&rwlock);
      note_hold(thread, reading);
    });
  }
  void unlock(RecordedThread& thread) {
    thread.run([&] {
      note_end(thread, reading);
      pthread_rwlock_unlock(&rwlock);
    });
  }
  void read() { read_state_of(reading, state.get()); }
};

TEST_CASE_METHOD(MutexTest, "a lock without holders and waiters has an empty state") {
  state->holder_count = state->waiter_count = state->waiting = 99;
  read();
  CHECK(state->lock == word);
  CHECK(state->holder_count == 0);
  CHECK(state->waiter_count == 0);
  CHECK(state->waiting == 0);
}

TEST_CASE_METHOD(MutexTest, "a mutex's state names the thread that holds it, confirmed by the mutex") {
  RecordedThread holder;
  RecordedThread other;
  lock(holder);
  pthread_mutex_t another_mutex = PTHREAD_MUTEX_INITIALIZER;
  const LockWord another(&another_mutex, LockKind::mutex, Access::exclusive);
  other.run([&] {
    pthread_mutex_lock(&another_mutex);
    note_hold(other, another);
  });
  read();
  REQUIRE(state->holder_count == 1);
  CHECK(state->holders[0].hold.tid == holder.tid());
  CHECK(state->holders[0].hold.levels == 1);
  CHECK_FALSE(state->holders[0].likely);
  unlock(holder);
  other.run([&] {
    note_end(other, another);
    pthread_mutex_unlock(&another_mutex);
  });
}

TEST_CASE_METHOD(MutexTest, "a hold that another thread ended is not attributed to the thread that began it") {
  RecordedThread first;
  RecordedThread second;
  lock(first);
  second.run([&] { pthread_mutex_unlock(&mutex); });
  read();
  CHECK(state->holder_count == 0);
  lock(second);
  read();
  REQUIRE(state->holder_count == 1);
  CHECK(state->holders[0].hold.tid == second.tid());
  unlock(second);
  note_end(first, word);
}

TEST_CASE_METHOD(RecursiveMutexTest, "a recursive mutex taken again under other locks is one holder since the first") {
  RecordedThread holder;
  lock(holder);
  const uint32_t slot = holder.record().index_of_slot(*holder.record().find(word.address()));
  note_hold(holder, LockWord(&state, LockKind::mutex, Access::exclusive));
  lock(holder);
  lock(holder);
  read();
  REQUIRE(state->holder_count == 1);
  CHECK(state->holders[0].hold.identity.slot == slot);
  CHECK(state->holders[0].hold.levels == 3);
  holder.record().clear();
  for (int i = 0; i < 3; ++i) holder.run([&] { pthread_mutex_unlock(&mutex); });
}

TEST_CASE_METHOD(RecursiveMutexTest,
                 "the first hold of a recursive mutex counts also where a later one has a lower slot") {
  RecordedThread holder;
  const LockWord before(&holder, LockKind::mutex, Access::exclusive);
  const LockWord between(&state, LockKind::mutex, Access::exclusive);
  note_hold(holder, before);
  lock(holder);
  const uint32_t slot = holder.record().index_of_slot(*holder.record().find(word.address()));
  note_hold(holder, between);
  note_end(holder, before);
  lock(holder);
  read();
  REQUIRE(state->holder_count == 1);
  CHECK(state->holders[0].hold.identity.slot == slot);
  CHECK(state->holders[0].hold.levels == 2);
  holder.record().clear();
  for (int i = 0; i < 2; ++i) holder.run([&] { pthread_mutex_unlock(&mutex); });
}

TEST_CASE_METHOD(MutexTest, "of two slots for a mutex that is held once, the newer one is the hold") {
  RecordedThread holder;
  lock(holder);
  note_hold(holder, LockWord(&state, LockKind::mutex, Access::exclusive));
  pthread_mutex_unlock(&mutex);  // by this thread: the holder's slot is left over
  lock(holder);
  const uint32_t slot = holder.record().index_of_slot(*holder.record().find(word.address()));
  read();
  REQUIRE(state->holder_count == 1);
  CHECK(state->holders[0].hold.identity.slot == slot);
  CHECK(state->holders[0].hold.levels == 1);
  holder.record().clear();
  holder.run([&] { pthread_mutex_unlock(&mutex); });
}

TEST_CASE_METHOD(RwlockTest, "every reader is a holder, one that reads twice is one") {
  RecordedThread readers[3];
  for (RecordedThread& reader : readers) lock(reader);
  lock(readers[0]);
  read();
  REQUIRE(state->holder_count == 3);
  for (size_t i = 0; i < 3; ++i) {
    CHECK_FALSE(state->holders[i].likely);
    CHECK(state->holders[i].hold.levels == (state->holders[i].hold.tid == readers[0].tid() ? 2 : 1));
  }
  for (RecordedThread& reader : readers)
    readers[0].run([&] { pthread_rwlock_unlock(&rwlock); }), reader.record().clear();
  readers[0].run([&] { pthread_rwlock_unlock(&rwlock); });
}

TEST_CASE_METHOD(RwlockTest, "where more readers are recorded than the lock counts, each is only likely one") {
  RecordedThread first;
  RecordedThread second;
  lock(first);
  lock(second);
  pthread_rwlock_unlock(&rwlock);  // by this thread: for which of the two, nobody can tell
  read();
  REQUIRE(state->holder_count == 2);
  CHECK(state->holders[0].likely);
  CHECK(state->holders[1].likely);
  note_end(first, reading);
  unlock(second);
}

TEST_CASE_METHOD(RwlockTest, "readers beyond the state's room are counted, and doubted only as the others are") {
  std::vector<std::unique_ptr<RecordedThread>> readers;
  for (size_t i = 0; i < kMaxHolders + 3; ++i) lock(*readers.emplace_back(std::make_unique<RecordedThread>()));
  read();
  CHECK(state->holder_count == kMaxHolders);
  CHECK(state->holders_left_out == 3);
  CHECK_FALSE(state->holders[0].likely);
  pthread_rwlock_unlock(&rwlock);  // unseen: one of them all is left over
  read();
  CHECK(state->holders[0].likely);
  pthread_rwlock_rdlock(&rwlock);
  for (auto& reader : readers) unlock(*reader);
}

TEST_CASE_METHOD(MutexTest, "waiters are listed, and those in a condition wait do not count as waiting for the mutex") {
  RecordedThread threads[3];
  begin_wait(threads[0].record(), word, {0x401000, 0x7000, 0x7100}, 1);
  begin_wait(threads[1].record(), word.with_condition(), {}, 1);
  begin_wait(threads[2].record(), LockWord(&state, LockKind::mutex, Access::exclusive), {}, 1);
  read();
  CHECK(state->waiter_count == 2);
  CHECK(state->waiting == 1);
  for (RecordedThread& thread : threads) thread.record().clear();
  read();
  CHECK(state->waiter_count == 0);
}

TEST_CASE_METHOD(MutexTest, "a thread that exited with the mutex held is its holder still") {
  RecordedThread holder;
  lock(holder);
  const int tid = holder.tid();
  holder.exit();
  read();
  REQUIRE(state->holder_count == 1);
  CHECK(state->holders[0].hold.tid == tid);
  CHECK(state->holders[0].hold.gone);
  holder.record().clear();
  reclaim_gone(holder.record());
}

}  // namespace
}  // namespace holdwatch
