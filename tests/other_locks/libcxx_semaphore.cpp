// libc++'s semaphore (clang++ -stdlib=libc++): the waiters sleep on a counter of the library's.
#include <semaphore>

#include "stage.h"

int main() {
  static std::counting_semaphore<4> lock{1};
  stage::run(nullptr, [](auto inside) {
    lock.acquire();
    inside();
    lock.release();
  });
}
