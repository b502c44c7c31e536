// Cycles through initializers, of which nothing states who runs them: probably deadlocks, told with the hold that is part of each.
// Of pthread_once, of std::call_once, of a static variable; over a join; and over a third thread with a lock of its own. An
// initializer that only tries to take the lock goes on, and one that gives up after a while will.
// RUN-ENV: HOLDWATCH_LIMIT=300ms
// EXPECT: ^ +probably a deadlock: \d+ waits for L\d+
// FORBID: ^  root
// EXPECT-JSON: {event["event"] for event in e} == {"hold"} and not deadlocks
// EXPECT-JSON: held_by(e) == {"once", "call", "static", "joins", "far", "tries", "gives time"}
// EXPECT-JSON: likely_cycle_of("once") == ["once", "runs once"] and likely_cycle_of("call") == ["call", "runs call"]
// EXPECT-JSON: likely_cycle_of("static") == ["static", "runs static"]
// EXPECT-JSON: likely_cycle_of("joins") == ["joins", "joined", "runs joined"]
// EXPECT-JSON: likely_cycle_of("far") == ["far", "runs far", "between"]
// EXPECT-JSON: likely_cycle_of("tries") == [] and likely_cycle_of("gives time") == []
// NO-BARE: without a watch nothing would end it
#include <mutex>

#include "tests/programs/harness.h"
using namespace harness;

namespace {

// A lock that its holder keeps while it does `wait`, once `may_go_on`.
template <typename Wait>
void hold(const char* name, std::mutex& lock, const Event& may_go_on, Wait wait) {
  auto* is_held = new Event;
  new Thread(name, [=, &lock, &may_go_on] {
    const std::lock_guard guard(lock);
    is_held->fire();
    may_go_on.wait();
    wait();
  });
  is_held->wait();
}

void want(std::mutex& lock) {
  const std::lock_guard guard(lock);
}

// An initializer that says that it runs, and then wants the lock.
struct Initializer {
  std::mutex lock;
  Event runs;
  void run() {
    runs.fire();
    want(lock);
  }
};

// Each of its own function: their code shows who runs which.
Initializer of_once, of_call, of_static, of_join, of_far, of_try;
pthread_once_t once = PTHREAD_ONCE_INIT, once_joined = PTHREAD_ONCE_INIT, once_far = PTHREAD_ONCE_INIT,
               once_tried = PTHREAD_ONCE_INIT, once_timed = PTHREAD_ONCE_INIT;
std::once_flag flag;

struct LocksFirst {
  LocksFirst() { of_static.run(); }
};
OWN_FRAME LocksFirst& instance() {
  static LocksFirst one;
  return one;
}

void run_once() {
  pthread_once(&once, [] { of_once.run(); });
}
void call_once() {
  std::call_once(flag, [] { of_call.run(); });
}
void make_static() {
  instance();
}

void close_cycle(const char* holder, const char* runner, Initializer& initializer, void (*initialize)()) {
  hold(holder, initializer.lock, initializer.runs, initialize);
  new Thread(runner, initialize);
}

void close_cycle_over_a_join() {
  static Thread* joined;
  static Event is_there;
  const auto initialize = [] { pthread_once(&once_joined, [] { of_join.run(); }); };
  hold("joins", of_join.lock, is_there, [] { joined->join(); });
  new Thread("runs joined", initialize);
  of_join.runs.wait();
  joined = new Thread("joined", initialize);
  is_there.fire();
}

void close_cycle_of_three() {
  static std::mutex first;
  const auto initialize = [] { pthread_once(&once_far, [] { of_far.run(); }); };
  hold("far", first, of_far.runs, initialize);
  hold("between", of_far.lock, of_far.runs, [] { want(first); });
  new Thread("runs far", initialize);
}

// Nothing is amiss: its holder waits for an initializer that has work to do.
void try_only() {
  const auto initialize = [] {
    pthread_once(&once_tried, [] {
      CHECK(!of_try.lock.try_lock());
      of_try.runs.fire();
      while (true) pause();
    });
  };
  hold("tries", of_try.lock, of_try.runs, initialize);
  new Thread("runs tried", initialize);
}

// Its initializer waits for the lock, but not for ever.
void give_up_after_a_while() {
  static std::timed_mutex lock;
  static Event is_held, runs;
  const auto initialize = [] {
    pthread_once(&once_timed, [] {
      runs.fire();
      CHECK(!lock.try_lock_for(1h));
    });
  };
  new Thread("gives time", [=] {
    const std::lock_guard guard(lock);
    is_held.fire();
    runs.wait();
    initialize();
  });
  is_held.wait();
  new Thread("runs timed", initialize);
}

}  // namespace

int main() {
  close_cycle("once", "runs once", of_once, run_once);
  close_cycle("call", "runs call", of_call, call_once);
  close_cycle("static", "runs static", of_static, make_static);
  close_cycle_over_a_join();
  close_cycle_of_three();
  try_only();
  give_up_after_a_while();
  for (const char* holder : {"once", "call", "static", "joins", "far", "tries", "gives time"})
    await_report_of("over", holder, 1);
  std::fflush(stdout);
  std::_Exit(0);
}
