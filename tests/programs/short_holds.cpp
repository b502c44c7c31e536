// Many short holds of one lock, back to back, are no long hold, though the lock is hardly ever free.
// RUN-ENV: HOLDWATCH_LIMIT=1s HOLDWATCH_WAIT_LIMIT=0
// EXPECT-NOTHING
#include <mutex>
#include <shared_mutex>

#include "tests/programs/harness.h"
using namespace harness;

int main() {
  std::mutex lock;
  std::shared_mutex list;
  std::atomic<bool> done{false};
  auto work = [&] {
    while (!done.load()) {
      std::lock_guard guard(lock);
      std::shared_lock reading(list);
    }
  };
  Thread first("first", work), second("second", work), third("third", work), fourth("fourth", work);
  std::this_thread::sleep_for(is_watched() ? 2500ms : 10ms);
  done = true;
}
