// Boost's shared mutex: a mutex and three conditions.
#include <boost/thread/shared_mutex.hpp>
#include <shared_mutex>

#include "stage.h"

int main() {
  static boost::shared_mutex lock;
  const auto read = [](auto inside) {
    const std::shared_lock guard(lock);
    inside();
  };
  const auto write = [](auto inside) {
    const std::unique_lock guard(lock);
    inside();
  };
  stage::run(nullptr, read, write);
}
