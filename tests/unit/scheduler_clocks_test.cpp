// The rules of symbolizer/tools/scheduler/scheduler_clocks.h, with this machine's own clocks.
#include "symbolizer/tools/scheduler/scheduler_clocks.h"

#include <sched.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <fstream>
#include <sstream>
#include <string>
#include <thread>

#include "shim/base/clock.h"
#include "shim/inspection/task_files.h"
#include "symbolizer/tools/scheduler/last_run.h"
#include "tests/catch.h"

using namespace holdwatch;

namespace {

bool go_to(unsigned processor) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(processor, &set);
  return sched_setaffinity(0, sizeof set, &set) == 0;
}

// A thread that goes to sleep on one processor, having noted when, and sleeps until it is told to end.
class Sleeper {
 public:
  explicit Sleeper(unsigned processor) {
    thread_ = std::thread([this, processor] {
      is_there_ = go_to(processor);
      slept_since_ns_ = clock_ns(CLOCK_MONOTONIC_RAW);
      tid_ = gettid();
      end_.wait(false);
    });
    while (!is_asleep()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  ~Sleeper() {
    end_ = true;
    end_.notify_all();
    thread_.join();
  }
  bool is_there() const { return is_there_; }
  uint64_t slept_since_ns() const { return slept_since_ns_; }
  std::optional<LastRun> last_run() const { return parse_last_run(file("sched")); }

 private:
  std::string file(const char* name) const {
    char text[4096];
    const std::string path = "/proc/self/task/" + std::to_string(tid_) + "/" + name;
    const long length = read_proc_file(path.c_str(), text, sizeof text);
    return {text, length < 0 ? 0 : static_cast<size_t>(length)};
  }
  bool is_asleep() const { return tid_ != 0 && file("status").find("\nState:\tS") != std::string::npos; }

  std::thread thread_;
  std::atomic<pid_t> tid_{0};
  std::atomic<bool> end_{false}, is_there_{false};
  std::atomic<uint64_t> slept_since_ns_{0};
};

uint64_t asleep_ns(const Sleeper& sleeper, SchedulerClocks& clocks, const std::vector<unsigned>& processors) {
  const auto last = sleeper.last_run();
  const auto now_ns = clocks.now_ns(processors);
  return last && now_ns ? surely_asleep_ns(*last, *now_ns) : 0;
}

}  // namespace

TEST_CASE("whichever processor a thread went to sleep on, the reported time is never more than the elapsed time") {
  for (const unsigned processor : SchedulerClocks::online()) {
    const Sleeper sleeper(processor);
    if (!sleeper.is_there() || !sleeper.last_run()) continue;
    SchedulerClocks clocks;
    uint64_t before = 0;
    for (int look = 0; look < 20; ++look) {
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
      const uint64_t said = asleep_ns(sleeper, clocks, {processor});
      CHECK(said <= clock_ns(CLOCK_MONOTONIC_RAW) - sleeper.slept_since_ns());
      CHECK(said >= before);
      CHECK(asleep_ns(sleeper, clocks, SchedulerClocks::online()) <=
            clock_ns(CLOCK_MONOTONIC_RAW) - sleeper.slept_since_ns());
      before = said;
    }
  }
}

TEST_CASE("a clock on whose processor we may not go is unknown, and so is all that it is part of") {
  SchedulerClocks clocks;
  CHECK_FALSE(clocks.now_ns({1'000'000}));
  CHECK_FALSE(clocks.now_ns({0, 1'000'000}));
}

TEST_CASE("the processors that there are, are as many as the C library counts") {
  CHECK(SchedulerClocks::online().size() == static_cast<size_t>(sysconf(_SC_NPROCESSORS_ONLN)));
}

TEST_CASE("without /sys the processors are those of /proc/stat") {
  std::istringstream some(
      "cpu  9 9 9\ncpu0 4 4 4\ncpu17 5 5 5\nintr 1 2 3\ncpu18 is no line of a processor any more\n");
  CHECK(SchedulerClocks::listed_in(some) == std::vector<unsigned>{0, 17});
  std::ifstream stat("/proc/stat");
  CHECK(SchedulerClocks::listed_in(stat) == SchedulerClocks::online());
}
