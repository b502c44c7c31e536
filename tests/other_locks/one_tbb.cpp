// oneTBB's mutex: one word.
#include <oneapi/tbb/mutex.h>

#include "stage.h"

int main() {
  static oneapi::tbb::mutex lock;
  stage::run(nullptr, [](auto inside) {
    const oneapi::tbb::mutex::scoped_lock guard(lock);
    inside();
  });
}
