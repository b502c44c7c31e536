// abseil's mutex. The waiters sleep on a word of their own each, not on the mutex.
#include <absl/synchronization/mutex.h>

#include "stage.h"

int main() {
  static absl::Mutex lock;
  stage::run(nullptr, [](auto inside) {
    const absl::MutexLock guard(&lock);
    inside();
  });
}
