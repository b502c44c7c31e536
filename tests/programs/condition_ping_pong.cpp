// A thread that gives its mutex up in condition waits again and again holds it a short time each, never long in all.
// RUN-ENV: HOLDWATCH_LIMIT=1s HOLDWATCH_WAIT_LIMIT=0
// EXPECT-NOTHING
#include <condition_variable>
#include <mutex>

#include "tests/programs/harness.h"
using namespace harness;

std::mutex mutex;
std::condition_variable turned;
int turn = 0;
bool done = false;

void play(int mine) {
  std::unique_lock guard(mutex);
  while (!done) {
    turned.wait(guard, [&] { return turn == mine || done; });
    turn = 1 - mine;
    turned.notify_one();
  }
}

int main() {
  Thread ping("ping", [] { play(0); }), pong("pong", [] { play(1); });
  std::this_thread::sleep_for(is_watched() ? 2500ms : 10ms);
  std::lock_guard guard(mutex);
  done = true;
  turned.notify_all();
}
