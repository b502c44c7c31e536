// The rules of shim/record/poll_note.h.
#include "shim/record/poll_note.h"

#include "shim/record/view.h"
#include "tests/catch.h"
#include "tests/unit/record_calls.h"
#include "tests/unit/recorded_thread.h"

namespace holdwatch {
namespace {

constexpr Caller kCaller{0x401000, 0x7000, 0};

LockWord mutex_at(uintptr_t address) {
  return {reinterpret_cast<const void*>(address), LockKind::mutex, Access::exclusive};
}

struct Poller {
  mutable RecordedThread thread;
  TickAt tick{1'000'000};

  void fail(uintptr_t mutex = 0x1000) { note_failed_try(thread.record(), mutex_at(mutex), kCaller, 0); }
  // What a call with a timeout does to the record.
  void time_out(uintptr_t mutex = 0x1000) {
    HeldSlot* slot = begin_wait(thread.record(), mutex_at(mutex).with_timeout(), kCaller);
    thread.record().drop(*slot);
    note_failed_try(thread.record(), mutex_at(mutex), kCaller, 1);
  }
  void take(uintptr_t mutex) { hold(thread.record(), mutex_at(mutex), kCaller); }
  void release(uintptr_t mutex) { drop(thread.record(), mutex); }
  WaitView view() const {
    WaitView view{};
    CHECK(view_poll(thread.index(), &view));
    return view;
  }
};

TEST_CASE("failed tries for one lock are one run, from the first on") {
  Poller poller;
  poller.fail();
  const WaitView first = poller.view();
  const TickAt later(9'000'000);
  poller.fail();
  poller.fail();
  const WaitView all = poller.view();
  CHECK(first.tries == 1);
  CHECK(all.tries == 3);
  CHECK(all.since_ns == first.since_ns);
  CHECK(all.identity == first.identity);
  CHECK(all.word == mutex_at(0x1000));
  CHECK(all.caller.pc == kCaller.pc);
  CHECK(wait_lasts(first.identity));
}

TEST_CASE("a run ends with whatever lock the thread acquires, as it may have been this one") {
  Poller poller;
  poller.fail();
  poller.fail();
  const Identity run = poller.view().identity;
  for (const uintptr_t taken : {uintptr_t{0x1000}, uintptr_t{0x2000}}) {
    poller.take(taken);
    poller.release(taken);
    poller.fail();
    CHECK(poller.view().tries == 1);
    CHECK_FALSE(wait_lasts(run));
  }
}

TEST_CASE("a run ends where another lock is tried, or where another one is held meanwhile") {
  Poller poller;
  poller.fail();
  poller.fail(0x2000);
  CHECK(poller.view().tries == 1);
  poller.fail();
  CHECK(poller.view().tries == 1);
  poller.take(0x3000);
  poller.fail();
  CHECK(poller.view().tries == 1);
  poller.fail();
  CHECK(poller.view().tries == 2);
  poller.release(0x3000);
  poller.fail();
  CHECK(poller.view().tries == 1);
}

TEST_CASE("timeouts are failed tries too, though each is a wait of its own") {
  Poller poller;
  poller.time_out();
  poller.time_out();
  poller.fail();
  poller.time_out();
  CHECK(poller.view().tries == 4);
  poller.take(0x2000);
  poller.release(0x2000);
  poller.time_out();
  CHECK(poller.view().tries == 1);
}

TEST_CASE("where the use of slots does not show acquisitions, no run goes on") {
  Poller poller;
  for (uintptr_t i = 0; i < kInlineSlots; ++i) poller.take(0x10000 + 0x100 * i);
  poller.fail();
  poller.fail();
  CHECK(poller.view().tries == 1);
}

TEST_CASE("a run is forgotten with its thread, and when its record is cleared") {
  WaitView view;
  Poller poller;
  poller.fail();
  const uint32_t index = poller.thread.index();
  forget_poll(poller.thread.record());
  CHECK_FALSE(view_poll(index, &view));
  poller.fail();
  poller.fail();
  CHECK(poller.view().tries == 2);
  poller.thread.exit();
  CHECK_FALSE(view_poll(index, &view));
}

}  // namespace
}  // namespace holdwatch
