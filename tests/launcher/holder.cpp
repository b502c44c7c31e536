// What a unit runs to be reported: a thread named "holder" holds a mutex, while another waits, until that is reported; where
// nothing is watched, for a moment. With a number as its argument it stays for so many seconds afterwards, as a server does.
// --briefly: for longer than the tests' limits, but not until a report.
#include <pthread.h>

#include <chrono>
#include <cstdlib>
#include <cstring>
#include <latch>
#include <mutex>
#include <semaphore>
#include <string_view>
#include <thread>

#include "shim/holdwatch.h"

namespace {

using namespace std::chrono_literals;

constexpr std::chrono::milliseconds kBriefly = 700ms;
constexpr std::chrono::seconds kPatience = 60s;  // beyond what a slow machine needs

std::mutex g_mutex;
std::counting_semaphore<8> g_over(0), g_released(0);

void count(const char*, const char* json, void*) {
  if (std::strstr(json, "\"over\"") != nullptr) g_over.release();
  if (std::strstr(json, "\"released\"") != nullptr) g_released.release();
}

}  // namespace

int main(int argc, char** argv) {
  const std::string_view argument = argc > 1 ? argv[1] : "";
  const bool is_watched = holdwatch_on_report != nullptr && argument != "--briefly";
  HOLDWATCH_ON_REPORT(count, nullptr);
  std::latch held(1);
  std::thread holder([&] {
    pthread_setname_np(pthread_self(), "holder");
    const std::lock_guard guard(g_mutex);
    held.count_down();
    if (!is_watched || !g_over.try_acquire_for(kPatience)) std::this_thread::sleep_for(kBriefly);
  });
  held.wait();
  { const std::lock_guard guard(g_mutex); }
  holder.join();
  if (is_watched) static_cast<void>(g_released.try_acquire_for(kPatience));
  if (!argument.empty() && argument != "--briefly")
    std::this_thread::sleep_for(std::chrono::seconds(std::atoi(argv[1])));
}
