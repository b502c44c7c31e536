// Failed tries that are no waiting: of a thread that then sleeps for the lock and gets it, of one that gets it by trying in
// between, of one that tried a few times and went away, and of one whose other locks show that it goes on without.
// RUN-ENV: HOLDWATCH_LIMIT=60s HOLDWATCH_WAIT_LIMIT=300ms
// EXPECT-NOTHING
#include "tests/programs/harness.h"
using namespace harness;

// Held by turns: the other thread tries only while it is held.
struct Turns {
  pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
  std::atomic<int> step{0};

  void reach(int next) { step = next; }
};

void hold_by_turns(Turns& turns, const std::atomic<bool>& done) {
  while (!done) {
    pthread_mutex_lock(&turns.lock);
    turns.reach(1);
    while (turns.step != 2 && !done) std::this_thread::sleep_for(100us);
    pthread_mutex_unlock(&turns.lock);
    turns.reach(3);
    while (turns.step != 4 && !done) std::this_thread::sleep_for(100us);
  }
}

template <typename Take>
void fail_and_take(Turns& turns, const std::atomic<bool>& done, Take take) {
  while (!done) {
    while (turns.step != 1 && !done) std::this_thread::sleep_for(100us);
    if (done) return;
    for (int i = 0; i < 3; ++i) CHECK(pthread_mutex_trylock(&turns.lock) == EBUSY);
    turns.reach(2);
    while (turns.step != 3 && !done) std::this_thread::sleep_for(100us);
    if (done) return;
    take();
    CHECK(pthread_mutex_unlock(&turns.lock) == 0);
    turns.reach(4);
  }
}

int main() {
  std::atomic<bool> done{false};
  Turns first, second;
  pthread_mutex_t kept = PTHREAD_MUTEX_INITIALIZER, other = PTHREAD_MUTEX_INITIALIZER;
  Event held, release;
  Thread holder("holder", [&] {
    pthread_mutex_lock(&kept);
    held.fire();
    release.wait();
    pthread_mutex_unlock(&kept);
  });
  held.wait();
  Thread a("holds", [&] { hold_by_turns(first, done); }), b("holds too", [&] { hold_by_turns(second, done); });
  Thread locks("tries, locks", [&] { fail_and_take(first, done, [&] { pthread_mutex_lock(&first.lock); }); });
  Thread gets("gets it",
              [&] { fail_and_take(second, done, [&] { CHECK(pthread_mutex_trylock(&second.lock) == 0); }); });
  Thread away("goes away", [&] {
    for (int i = 0; i < 5; ++i) CHECK(pthread_mutex_trylock(&kept) == EBUSY);
    release.wait();
  });
  Thread goes_on("goes on", [&] {
    while (!done) {
      CHECK(pthread_mutex_trylock(&kept) == EBUSY);
      pthread_mutex_lock(&other);
      pthread_mutex_unlock(&other);
      std::this_thread::sleep_for(1ms);
    }
  });
  sleep_past_limit();
  done = true;
  for (Thread* thread : {&a, &b, &locks, &gets, &goes_on}) thread->join();
  release.fire();
}
