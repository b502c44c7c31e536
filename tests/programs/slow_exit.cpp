// A library that makes the rest of an exit take long: one that the program links to is finished after holdwatch.
#include <chrono>
#include <thread>

namespace {

bool g_wanted = false;

[[gnu::destructor]] void end() {
  if (g_wanted) std::this_thread::sleep_for(std::chrono::seconds(2));
}

}  // namespace

extern "C" [[gnu::visibility("default")]] void make_exit_slow() {
  g_wanted = true;
}
