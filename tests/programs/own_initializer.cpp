// An initializer that needs what it initializes waits for itself, and never ends: of pthread_once, of a static variable, and of one
// through another one.
// RUN-ENV: HOLDWATCH_LIMIT=300ms HOLDWATCH_REPEAT=0
// EXPECT-JSON: waits_so("once", "once", r"waits for its own initializer, pthread_once 0x\w+, likely run by the thread itself: that can never end"
//     r"|waits for its own initializer, pthread_once \(anonymous namespace\)::once, .*: that can never end", "once")
// EXPECT-JSON: waits_so("static", "static", r"waits for .*instance\(\)::one, likely run by the thread itself: that can never end", "static")
// EXPECT-JSON: waits_so("through", "static", r"waits for .*outer\(\)::one, likely run by the thread itself: that can never end", "through")
// EXPECT-JSON: wait_of("waits")["enders"][0]["thread"] == "once" and held_by(e) == {"once", "static", "through", "waits"}
// NO-BARE: without a watch nothing would end it
#include <mutex>

#include "tests/programs/harness.h"
using namespace harness;

namespace {

pthread_once_t once = PTHREAD_ONCE_INIT;
std::mutex locks[4];
Event runs_once;

OWN_FRAME void needs_itself() {
  runs_once.fire();
  pthread_once(&once, needs_itself);
}

struct One {
  explicit One(One& (*other)()) { other(); }
};

OWN_FRAME One& instance() {
  static One one(instance);
  return one;
}

One& outer();
OWN_FRAME One& inner() {
  static One one(outer);
  return one;
}
OWN_FRAME One& outer() {
  static One one(inner);
  return one;
}

void hold(std::mutex& lock, const char* name, void (*work)()) {
  new Thread(name, [=, &lock] {
    const std::lock_guard guard(lock);
    work();
  });
}

}  // namespace

int main() {
  if (!is_watched()) return 0;
  hold(locks[0], "once", [] { pthread_once(&once, needs_itself); });
  hold(locks[1], "static", [] { instance(); });
  hold(locks[2], "through", [] { outer(); });
  runs_once.wait();
  hold(locks[3], "waits", [] { pthread_once(&once, needs_itself); });
  await_report("over", 4);
  ::_exit(0);
}
