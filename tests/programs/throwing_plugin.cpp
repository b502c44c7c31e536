// The plugin of c_loads_plugin_that_throws.c: exceptions through several frames, with a lock held on the way.
#include <mutex>
#include <stdexcept>

namespace {

std::mutex lock;

[[gnu::noipa]] void deeper(int depth, int number) {
  std::lock_guard guard(lock);
  if (depth == 0) throw std::runtime_error(std::to_string(number));
  lock.unlock();
  try {
    deeper(depth - 1, number);
  } catch (...) {
    lock.lock();
    throw;
  }
  lock.lock();
}

}  // namespace

extern "C" [[gnu::visibility("default")]] int throws_and_catches(int times) {
  int caught = 0;
  for (int number = 0; number < times; ++number) {
    try {
      deeper(5, number);
    } catch (const std::exception& error) {
      if (std::stoi(error.what()) == number) ++caught;
    }
  }
  return caught;
}
