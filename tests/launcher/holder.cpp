// What a unit runs to be reported: a thread named "holder" holds a mutex for longer than the test's limit, while another
// waits. With a number as its argument it stays for so many seconds afterwards, as a server does.
#include <pthread.h>

#include <chrono>
#include <cstdlib>
#include <latch>
#include <mutex>
#include <thread>

namespace {

constexpr std::chrono::milliseconds kHold(700);

std::mutex g_mutex;

}  // namespace

int main(int argc, char** argv) {
  std::latch held(1);
  std::thread holder([&held] {
    pthread_setname_np(pthread_self(), "holder");
    const std::lock_guard guard(g_mutex);
    held.count_down();
    std::this_thread::sleep_for(kHold);
  });
  held.wait();
  { const std::lock_guard guard(g_mutex); }
  holder.join();
  if (argc > 1) std::this_thread::sleep_for(std::chrono::seconds(std::atoi(argv[1])));
}
