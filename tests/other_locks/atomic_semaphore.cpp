// libstdc++'s semaphore: an atomic variable.
#include <semaphore>

#include "stage.h"

int main() {
  static std::binary_semaphore lock{1};
  stage::run(&lock, [](auto inside) {
    lock.acquire();
    inside();
    lock.release();
  });
}
