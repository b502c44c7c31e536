// One function initializes several static variables, in whose code compilers go back and forth. Each of its initializers is run by
// another thread: who waits for one of them waits for the thread that runs this one.
// RUN-ENV: HOLDWATCH_LIMIT=300ms HOLDWATCH_REPEAT=0
// EXPECT-JSON: waits_so("wants first", "static", r"waits for the initializer of .*::first, likely run by \d+ .runs first.", "runs first")
// EXPECT-JSON: waits_so("wants second", "static", r"waits for the initializer of .*::second, likely run by \d+ .runs second.", "runs second")
// EXPECT-JSON: waits_so("wants third", "static", r"waits for the initializer of .*::third, likely run by \d+ .runs third.", "runs third")
// EXPECT-JSON: waits_so("wants last", "static", r"waits for the initializer of .*::last, likely run by \d+ .runs last.", "runs last")
#include <mutex>

#include "tests/programs/harness.h"
using namespace harness;

namespace {

struct Slow {
  explicit Slow(Event* started) : value(1) {
    if (started == nullptr) return;
    started->fire();
    while (true) pause();
  }
  ~Slow() { value = 0; }
  int value;
};

OWN_FRAME int work(int with) {
  return with + 1;
}

OWN_FRAME int use(int which, Event* started) {
  if (which == 0) {
    static Slow first(started);
    return first.value;
  }
  if (which == 1) {
    static Slow second(started);
    return second.value;
  }
  static Slow third(started);
  static Slow fourth(nullptr);
  return third.value + fourth.value + work(third.value);
}

// Here the first one is made long ago.
OWN_FRAME int use_last(Event* started) {
  static Slow made(nullptr);
  static Slow last(started);
  return made.value + last.value + work(made.value);
}

void run_and_want(const char* runs, const char* wants, int (*initialize)(Event* started)) {
  auto* started = new Event;
  new Thread(runs, [=] { initialize(started); });
  started->wait();
  new Thread(wants, [=] {
    std::mutex mutex;
    const std::lock_guard holding(mutex);
    initialize(started);
  });
}

}  // namespace

int main() {
  if (!is_watched()) return 0;
  run_and_want("runs third", "wants third", [](Event* started) { return use(2, started); });
  run_and_want("runs first", "wants first", [](Event* started) { return use(0, started); });
  run_and_want("runs second", "wants second", [](Event* started) { return use(1, started); });
  run_and_want("runs last", "wants last", use_last);
  await_report("over", 4);
  ::_exit(0);
}
