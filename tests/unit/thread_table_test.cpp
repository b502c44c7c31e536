#include "shim/record/thread_table.h"

#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <set>
#include <string>
#include <vector>

#include "shim/record/current_record.h"
#include "shim/record/view_walk.h"
#include "tests/catch.h"
#include "tests/unit/record_calls.h"
#include "tests/unit/recorded_thread.h"

namespace holdwatch {
namespace {

LockWord mutex_at(uintptr_t address) {
  return {reinterpret_cast<const void*>(address), LockKind::mutex, Access::exclusive};
}

TEST_CASE("a registered thread's record names it, is live, and is its own alone") {
  RecordedThread first;
  RecordedThread second;
  pid_t tid = 0;
  OwnerRecord* current = nullptr;
  first.run([&] {
    tid = gettid();
    current = current_record();
  });
  CHECK(first.tid() == tid);
  CHECK(current == &first.record());
  CHECK(first.record().state == RecordState::live);
  CHECK(&first.record() != &second.record());
  CHECK(record_at(first.index()) == &first.record());
  CHECK(first.index() < record_limit());
}

TEST_CASE("a thread's stack bounds have its frames between them") {
  RecordedThread thread;
  uintptr_t frame = 0;
  thread.run([&] { frame = reinterpret_cast<uintptr_t>(__builtin_frame_address(0)); });
  const uintptr_t end = thread.record().stack_end;
  CHECK(frame < end);
  CHECK(end - frame < thread.record().stack_span);
}

TEST_CASE("the main thread's stack bounds have its frames and arguments between them") {
  start_thread_table();
  OwnerRecord* record = current_record() != nullptr ? current_record() : register_thread_slow();
  REQUIRE(record != nullptr);
  const auto frame = reinterpret_cast<uintptr_t>(__builtin_frame_address(0));
  CHECK(frame < record->stack_end);
  CHECK(reinterpret_cast<uintptr_t>(environ[0]) < record->stack_end);
  CHECK(record->stack_end - frame < record->stack_span);
}

TEST_CASE("a smaller stack that the program asks for narrows what is taken for a thread's stack") {
  start_thread_table();
  note_stack_size(64 * 1024);
  note_stack_size(1024 * 1024);
  note_stack_size(0);  // the default
  RecordedThread thread;
  CHECK(thread.record().stack_span == 64 * 1024);
}

TEST_CASE("a thread of ours gets no record") {
  RecordedThread thread;
  OwnerRecord* record = &thread.record();
  thread.run([&] {
    const Inside inside;
    record = register_thread_slow();
  });
  CHECK(record == nullptr);
}

TEST_CASE("a paused thread records nothing, but its releases can be noted") {
  RecordedThread thread;
  OwnerRecord* current = &thread.record();
  OwnerRecord* paused = nullptr;
  OwnerRecord* registered = &thread.record();
  thread.run([&] {
    pause_thread();
    current = current_record();
    paused = paused_record();
    registered = register_thread_slow();
  });
  CHECK(current == nullptr);
  CHECK(paused == &thread.record());
  CHECK(registered == nullptr);
  thread.run([&] {
    resume_thread();
    current = current_record();
    paused = paused_record();
  });
  CHECK(current == &thread.record());
  CHECK(paused == nullptr);
}

TEST_CASE("pausing twice is undone by resuming once, and resuming alone does nothing") {
  RecordedThread thread;
  OwnerRecord* current = nullptr;
  thread.run([&] {
    pause_thread();
    pause_thread();
    resume_thread();
    resume_thread();
    current = current_record();
  });
  CHECK(current == &thread.record());
}

TEST_CASE("a thread's exit frees its record, also if it exits paused") {
  const bool paused = GENERATE(false, true);
  RecordedThread thread;
  const uint32_t live = live_records();
  if (paused) thread.run([] { pause_thread(); });
  thread.exit();
  CHECK(thread.record().state == RecordState::free);
  CHECK(live_records() == live - 1);
}

TEST_CASE("a record is used again after its thread's exit, and no identity twice") {
  RecordedThread first;
  const uint32_t index = first.index();
  HoldView before;
  hold(first.record(), mutex_at(0x1000), {});
  REQUIRE(view_hold(index, 0, &before));
  drop(first.record(), 0x1000);
  first.exit();

  RecordedThread second;
  REQUIRE(second.index() == index);
  hold(second.record(), mutex_at(0x1000), {});
  HoldView after;
  REQUIRE(view_hold(index, 0, &after));
  CHECK(after.identity.number > before.identity.number);
  CHECK_FALSE(hold_lasts(before.identity));
  drop(second.record(), 0x1000);
}

TEST_CASE("as many threads one after the other as one likes need one record") {
  uint32_t limit = 0;
  for (int i = 0; i < 200; ++i) {
    const RecordedThread thread;
    if (i == 0) limit = record_limit();
  }
  CHECK(record_limit() == limit);
}

TEST_CASE("threads at one time have records of their own, beyond the first slab too") {
  start_thread_table();
  std::vector<std::unique_ptr<RecordedThread>> threads;
  std::set<OwnerRecord*> records;
  for (int i = 0; i < 1100; ++i) {
    refill_records();
    threads.push_back(std::make_unique<RecordedThread>());
    records.insert(&threads.back()->record());
    REQUIRE(record_at(threads.back()->index()) == &threads.back()->record());
  }
  CHECK(records.size() == 1100);
  CHECK(records.count(nullptr) == 0);
}

TEST_CASE("a thread that exits with a lock held leaves its name and the hold") {
  RecordedThread thread;
  thread.run([&] {
    pthread_setname_np(pthread_self(), "leaver");
    hold(thread.record(), mutex_at(0x1000), {});
  });
  const int tid = thread.tid();
  const uint32_t live = live_records();
  thread.exit();
  CHECK(thread.record().state == RecordState::gone);
  CHECK(std::string(thread.record().gone_name) == "leaver");
  CHECK(thread.tid() == tid);
  CHECK(live_records() == live - 1);
  CHECK(thread.record().find(0x1000) != nullptr);
  drop(thread.record(), 0x1000);
  reclaim_gone(thread.record());
}

TEST_CASE("the record of a gone thread is given out again only when nothing is held in it") {
  RecordedThread gone;
  hold(gone.record(), mutex_at(0x1000), {});
  gone.exit();
  reclaim_gone(gone.record());
  CHECK(gone.record().state == RecordState::gone);
  {
    RecordedThread other;
    CHECK(other.index() != gone.index());
  }
  drop(gone.record(), 0x1000);
  reclaim_gone(gone.record());
  CHECK(gone.record().state == RecordState::free);
  RecordedThread next;
  CHECK(next.index() == gone.index());
}

TEST_CASE("a live record is never reclaimed") {
  RecordedThread thread;
  reclaim_gone(thread.record());
  CHECK(thread.record().state == RecordState::live);
  RecordedThread other;
  CHECK(other.index() != thread.index());
}

TEST_CASE("a thread that takes locks in its last destructors is recorded until the end") {
  static OwnerRecord* seen = nullptr;
  pthread_key_t key;
  REQUIRE(pthread_key_create(&key, [](void*) { seen = current_record(); }) == 0);
  RecordedThread thread;
  thread.run([&] { pthread_setspecific(key, &key); });
  thread.exit();
  CHECK(seen == &thread.record());
  pthread_key_delete(key);
}

TEST_CASE("the sum of unrecorded holds grows by what each record counts") {
  const uint64_t before = unrecorded_holds();
  RecordedThread first;
  RecordedThread second;
  first.record().unrecorded = 3;
  second.record().unrecorded = 4;
  CHECK(unrecorded_holds() == before + 7);
}

// What is asked of the child's table, as bits.
enum : int { kCurrentRecordStays = 1, kOthersAreFree = 2, kOneIsLive = 4, kHasNewTid = 8, kKnowsFormerTid = 16 };

TEST_CASE("after a fork the child's table has the forking thread's record alone, under its new id") {
  RecordedThread other;
  hold(other.record(), mutex_at(0x2000), {});
  RecordedThread forking;
  hold(forking.record(), mutex_at(0x1000), {});
  int status = -1;
  forking.run([&] {
    const int former = gettid();
    const pid_t child = fork();
    if (child == 0) {
      current_record_after_fork();
      int answer = 0;
      if (current_record()->find(0x1000) != nullptr) answer |= kCurrentRecordStays;
      if (other.record().state == RecordState::free && other.record().holds_nothing()) answer |= kOthersAreFree;
      if (live_records() == 1) answer |= kOneIsLive;
      if (current_record()->tid == getpid()) answer |= kHasNewTid;
      if (was_before_fork(getpid(), former) && !was_before_fork(getpid(), other.tid())) answer |= kKnowsFormerTid;
      _exit(answer);
    }
    waitpid(child, &status, 0);
  });
  REQUIRE(WIFEXITED(status));
  CHECK((WEXITSTATUS(status) & kCurrentRecordStays) != 0);
  CHECK((WEXITSTATUS(status) & kOthersAreFree) != 0);
  CHECK((WEXITSTATUS(status) & kOneIsLive) != 0);
  CHECK((WEXITSTATUS(status) & kHasNewTid) != 0);
  CHECK((WEXITSTATUS(status) & kKnowsFormerTid) != 0);
  CHECK_FALSE(was_before_fork(forking.tid(), getpid()));
  drop(forking.record(), 0x1000);
  drop(other.record(), 0x2000);
}

TEST_CASE("holds of a live thread that others have ended do not fill its record for good") {
  RecordedThread thread;
  for (uintptr_t round = 1; round <= 2 * kHeldSlots; ++round) {
    hold(thread.record(), mutex_at(round * 64), {});
    for_each_hold(UINT64_MAX, [](const HoldView& view) {
      drop_left_over(view.identity.record, view.identity.slot, view.identity.number);
    });
  }
  CHECK(thread.record().unrecorded == 0);
  CHECK(thread.record().holds_nothing());
}

TEST_CASE("what a slot is used for by now is not taken for the hold that was left over") {
  RecordedThread thread;
  hold(thread.record(), mutex_at(0x1000), {});
  HoldView before;
  REQUIRE(view_hold(thread.index(), 0, &before));
  drop(thread.record(), 0x1000);
  hold(thread.record(), mutex_at(0x2000), {});
  drop_left_over(before.identity.record, before.identity.slot, before.identity.number);
  CHECK(thread.record().find(0x2000) != nullptr);
  drop(thread.record(), 0x2000);
}

TEST_CASE("an exited thread's left-over holds do not keep its record forever") {
  // pthread-style: locked by a thread, unlocked by another, the first exits; what the watcher does at each look
  start_thread_table();
  uint32_t limit = record_limit();
  for (int i = 0; i < 20; ++i) {
    RecordedThread thread;
    hold(thread.record(), mutex_at(0x5000), {});
    thread.exit();
    for_each_hold(UINT64_MAX, [](const HoldView& view) {
      if (view.gone) drop_left_over(view.identity.record, view.identity.slot, view.identity.number);
    });
  }
  CHECK(record_limit() <= limit + 1);
}

}  // namespace
}  // namespace holdwatch
