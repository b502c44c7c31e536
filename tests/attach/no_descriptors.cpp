// Has closed all its descriptors, and holds a lock for longer than the limit again and again.
#include <mutex>

#include "tests/programs/harness.h"
using namespace harness;

int main() {
  if (close_range(0, ~0u, 0) != 0) return 1;
  static std::mutex lock;
  std::thread([] {
    while (true) {
      std::lock_guard guard(lock);
      std::this_thread::sleep_for(600ms);
    }
  }).detach();
  while (true) pause();
}
